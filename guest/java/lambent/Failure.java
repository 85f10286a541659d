package lambent;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A throwable as a client of AWS Lambda sees it, {errorMessage, errorType, stackTrace, cause}, and as it is logged. */
final class Failure {
    private static final String OWN = "lambent.";
    private static final int MOST_CAUSES = 16;
    private final Throwable error;

    private Failure(Throwable error) {
        this.error = error;
    }

    /** Without what reflection wraps around it, and without our own frames. */
    static Failure of(Throwable error) {
        Throwable real = error;
        while ((real instanceof InvocationTargetException || real instanceof ExceptionInInitializerError)
                && real.getCause() != null) {
            real = real.getCause();
        }
        int depth = 0;
        for (Throwable each = real; each != null && depth < MOST_CAUSES; each = each.getCause(), depth++) {
            each.setStackTrace(trimmed(each.getStackTrace()));
        }
        return new Failure(real);
    }

    boolean fatal() {
        return error instanceof VirtualMachineError || error instanceof LinkageError;
    }

    String meta(boolean last) {
        Map<String, Object> meta = new LinkedHashMap<>();
        meta.put("type", error.getClass().getName());
        if (last) {
            meta.put("last", true);
        }
        return Json.write(meta);
    }

    byte[] document() {
        return Main.utf8(Json.write(document(error, 0)));
    }

    /** "message: type", then the stack trace as Java prints it. */
    String text() {
        StringWriter text = new StringWriter();
        text.append(String.valueOf(error.getLocalizedMessage())).append(": ").append(error.getClass().getName()).append('\n');
        error.printStackTrace(new PrintWriter(text, true));
        return text.toString();
    }

    private static Map<String, Object> document(Throwable error, int depth) {
        Map<String, Object> found = new LinkedHashMap<>();
        if (error.getLocalizedMessage() != null) {
            found.put("errorMessage", error.getLocalizedMessage());
        }
        found.put("errorType", error.getClass().getName());
        List<String> trace = new ArrayList<>();
        for (StackTraceElement frame : error.getStackTrace()) {
            trace.add(frame.toString());
        }
        found.put("stackTrace", trace);
        if (error.getCause() != null && depth < MOST_CAUSES) {
            found.put("cause", document(error.getCause(), depth + 1));
        }
        return found;
    }

    /** Up to the first frame of ours, without the frames of reflection just above it. */
    private static StackTraceElement[] trimmed(StackTraceElement[] trace) {
        List<StackTraceElement> kept = new ArrayList<>();
        for (StackTraceElement frame : trace) {
            if (frame.getClassName().startsWith(OWN)) {
                break;
            }
            kept.add(frame);
        }
        while (!kept.isEmpty() && kept.size() < trace.length && isReflection(kept.get(kept.size() - 1))) {
            kept.remove(kept.size() - 1);
        }
        return kept.toArray(new StackTraceElement[0]);
    }

    private static boolean isReflection(StackTraceElement frame) {
        String name = frame.getClassName();
        return name.startsWith("java.lang.reflect.") || name.startsWith("jdk.internal.reflect.")
                || name.startsWith("sun.reflect.") || name.startsWith("java.lang.invoke.");
    }
}
