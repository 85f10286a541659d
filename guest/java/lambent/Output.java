package lambent;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;

/** What a function prints and logs. A message is one event: newlines inside it travel as carriage returns. */
final class Output {
    private static final FileOutputStream LOG = new FileOutputStream(FileDescriptor.out);

    private Output() {}

    static void install() {
        try {
            System.setOut(new PrintStream(LOG, true, "UTF-8"));
            System.setErr(new PrintStream(new FileOutputStream(FileDescriptor.err), true, "UTF-8"));
        } catch (java.io.UnsupportedEncodingException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    static void flush() {
        System.out.flush();
        System.err.flush();
    }

    static void log(String message) {
        log(Main.utf8(message));
    }

    static void log(byte[] message) {
        flush();
        byte[] line = new byte[message.length + 1];
        for (int i = 0; i < message.length; i++) {
            line[i] = message[i] == '\n' ? (byte) '\r' : message[i];
        }
        int end = message.length;
        while (end > 0 && line[end - 1] == '\r') {
            end--;
        }
        line[end] = '\n';
        try {
            LOG.write(line, 0, end + 1);
        } catch (java.io.IOException closed) {
            return; // the handler closed it, which is its own matter
        }
    }
}
