package lambent;

import java.io.DataInputStream;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * The framed channel to the platform: a 28-byte header (type, sizes of meta and body, a token), a JSON object, raw bytes.
 * It is descriptor 0, since Java has no way to open one by its number.
 */
final class Channel {
    static final int INVOKE = 2;
    static final int READY = 17;
    static final int RESULT = 18;
    static final int ERROR = 19;
    static final int INIT_ERROR = 20;
    static final byte[] NO_TOKEN = new byte[16];
    static final byte[] EMPTY = new byte[0];
    private static final int HEADER = 28;
    private static final int SMALL = 16384;

    static final class Frame {
        int kind;
        byte[] token = new byte[16];
        String meta;
        byte[] body;
    }

    private final DataInputStream in = new DataInputStream(new FileInputStream(FileDescriptor.in));
    private final OutputStream out = new FileOutputStream(FileDescriptor.in);

    /** The next frame; the end of the channel ends the process. */
    Frame receive() {
        try {
            byte[] head = exactly(HEADER);
            ByteBuffer header = ByteBuffer.wrap(head);
            Frame frame = new Frame();
            frame.kind = head[0];
            header.position(4);
            int metaSize = header.getInt();
            int bodySize = header.getInt();
            header.get(frame.token);
            frame.meta = new String(exactly(metaSize), StandardCharsets.UTF_8);
            frame.body = exactly(bodySize);
            return frame;
        } catch (IOException gone) {
            Runtime.getRuntime().halt(0);
            throw new IllegalStateException(gone);
        }
    }

    void send(int kind, byte[] token, String meta, byte[] body) {
        byte[] text = meta == null ? EMPTY : Main.utf8(meta);
        int together = body.length <= SMALL ? body.length : 0;
        ByteBuffer frame = ByteBuffer.allocate(HEADER + text.length + together);
        frame.put((byte) kind).position(4);
        frame.putInt(text.length).putInt(body.length).put(token).put(text).put(body, 0, together);
        try {
            out.write(frame.array());
            if (together < body.length) {
                out.write(body);
            }
        } catch (IOException gone) {
            Runtime.getRuntime().halt(0);
        }
    }

    private byte[] exactly(int size) throws IOException {
        byte[] data = new byte[size];
        in.readFully(data);
        return data;
    }
}
