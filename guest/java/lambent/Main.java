package lambent;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * The Java runtime of a sandbox: started for one function when that is known (guest/zygote/java.py), with its variables
 * and its heap; the channel is descriptor 0. Only classes of Java 8 are used.
 */
public final class Main {
    private static final int UNCAUGHT = 1;

    private Main() {}

    /** Arguments: task root, layers' root, handler. */
    public static void main(String[] arguments) {
        Channel channel = new Channel();
        System.setIn(new ByteArrayInputStream(new byte[0])); // the channel is nobody else's to read
        Output.install();
        String named = System.getenv("_HANDLER"); // which a wrapper may have changed
        Handler handler = load(channel, arguments[0], arguments[1], named == null ? arguments[2] : named);
        channel.send(Channel.READY, Channel.NO_TOKEN, null, Channel.EMPTY);
        while (true) {
            Channel.Frame frame = channel.receive();
            if (frame.kind == Channel.INVOKE) {
                answer(channel, handler, frame);
            }
        }
    }

    private static Handler load(Channel channel, String task, String opt, String name) {
        try {
            return Handlers.load(Loader.of(task, opt), name);
        } catch (Throwable error) {
            Failure failure = Failure.of(error);
            Output.log(failure.text());
            channel.send(Channel.INIT_ERROR, Channel.NO_TOKEN, failure.meta(false), failure.document());
            System.exit(UNCAUGHT);
            return null;
        }
    }

    @SuppressWarnings("unchecked")
    private static void answer(Channel channel, Handler handler, Channel.Frame frame) {
        Map<String, Object> meta = (Map<String, Object>) Json.parse(frame.meta);
        Object trace = meta.get("trace");
        if (trace == null) {
            System.clearProperty("com.amazonaws.xray.traceHeader");
        } else { // where AWS's own client puts it: the environment of a Java process cannot be changed
            System.setProperty("com.amazonaws.xray.traceHeader", trace.toString());
        }
        byte[] result;
        try {
            result = handler.call(frame.body, meta);
        } catch (Throwable error) {
            fail(channel, frame.token, error);
            return;
        }
        Output.flush();
        channel.send(Channel.RESULT, frame.token, null, result);
    }

    /** An Error (no memory, no class) is answered like an exception, and ends the process as on AWS. */
    private static void fail(Channel channel, byte[] token, Throwable error) {
        Failure failure = Failure.of(error);
        Output.log(failure.text());
        boolean last = failure.fatal();
        channel.send(Channel.ERROR, token, failure.meta(last), failure.document());
        if (last) {
            Runtime.getRuntime().halt(UNCAUGHT);
        }
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
