package lambent;

import java.lang.reflect.Constructor;
import java.util.Map;
import java.util.function.Consumer;

/** The context object, made of a class that is loaded beside the function (api.jar): see there why. */
final class Contexts {
    private static final String NAME = "lambent.inside.FunctionContext";
    private static final Consumer<byte[]> LOG = new Consumer<byte[]>() { // no lambda: see Beans
        @Override
        public void accept(byte[] message) {
            Output.log(message);
        }
    };
    private static Constructor<?> constructor; // set once, by the first call: there is one function in a process

    private Contexts() {}

    /** A new context for the invocation that `meta` describes, of the interface `type` as the function knows it. */
    static Object of(Class<?> type, Map<String, Object> meta) throws ReflectiveOperationException {
        if (constructor == null) {
            Class<?> found = Class.forName(NAME, true, type.getClassLoader());
            constructor = found.getConstructor(Map.class, Map.class, Map.class, Consumer.class);
        }
        return constructor.newInstance(meta, parsed(meta.get("identity")), parsed(meta.get("context")), LOG);
    }

    /** A JSON object, which the platform hands on as it came: text or already parsed. */
    @SuppressWarnings("unchecked")
    private static Map<String, Object> parsed(Object value) {
        Object found = value instanceof String && !((String) value).isEmpty() ? Json.parse((String) value) : value;
        return found instanceof Map ? (Map<String, Object>) found : null;
    }
}
