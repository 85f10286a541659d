package lambent.inside;

import com.amazonaws.services.lambda.runtime.LambdaLogger;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;

/** A message is one event, whatever it has in it. */
final class FunctionLogger implements LambdaLogger {
    private final Consumer<byte[]> log;

    FunctionLogger(Consumer<byte[]> log) {
        this.log = log;
    }

    @Override
    public void log(String message) {
        log.accept(String.valueOf(message).getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public void log(byte[] message) {
        log.accept(message);
    }
}
