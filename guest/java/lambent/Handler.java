package lambent;

import java.util.Map;

/** A function, ready to be called: the event's bytes and the meta of the invocation in, the answer's bytes out. */
interface Handler {
    byte[] call(byte[] event, Map<String, Object> meta) throws Throwable;
}
