package lambent;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** From the handler setting, "pkg.Class" or "pkg.Class::method", to something that can be called. */
final class Handlers {
    private static final String PACKAGE = "com.amazonaws.services.lambda.runtime.";
    private static final String CONTEXT = PACKAGE + "Context";

    private Handlers() {}

    static Handler load(ClassLoader loader, String name) throws Throwable {
        int colons = name.indexOf("::");
        String className = colons < 0 ? name : name.substring(0, colons);
        Class<?> owner = find(loader, className);
        if (colons >= 0) {
            return ofMethod(owner, name.substring(colons + 2));
        }
        if (Types.implementing(owner, PACKAGE + "RequestStreamHandler") != null
                || Types.implementing(owner, PACKAGE + "RequestHandler") != null) {
            return ofMethod(owner, "handleRequest");
        }
        throw new Exception("Class " + className + " does not implement an appropriate handler interface");
    }

    private static Class<?> find(ClassLoader loader, String name) throws Throwable {
        try {
            return Class.forName(name, true, loader);
        } catch (ClassNotFoundException missing) {
            throw new ClassNotFoundException("Class not found: " + name);
        }
    }

    private static Handler ofMethod(Class<?> owner, String name) throws Throwable {
        Method method = best(owner, name);
        if (method == null) {
            throw new NoSuchMethodException(
                    "No public method named " + name + " with appropriate method signature found on class " + owner.getName());
        }
        method.setAccessible(true);
        Object target = Modifier.isStatic(method.getModifiers()) ? null : make(owner);
        Type[] types = method.getGenericParameterTypes();
        boolean streams = types.length >= 2 && types[0] == InputStream.class && types[1] == OutputStream.class;
        return streams ? new Streams(target, method) : new Typed(target, method, inputOf(owner, method));
    }

    /** The method with the most parameters that fit; one that the compiler made for generics counts least. */
    private static Method best(Class<?> owner, String name) {
        Method found = null;
        for (Method each : owner.getMethods()) {
            if (each.getName().equals(name) && fits(each) && (found == null || rank(each) > rank(found))) {
                found = each;
            }
        }
        return found;
    }

    private static boolean fits(Method method) {
        Class<?>[] types = method.getParameterTypes();
        int data = types.length > 0 && isContext(types[types.length - 1]) ? types.length - 1 : types.length;
        return data <= 1 || (data == 2 && types[0] == InputStream.class && types[1] == OutputStream.class);
    }

    private static int rank(Method method) {
        return method.getParameterTypes().length * 2 - (method.isBridge() ? 100 : 0);
    }

    private static boolean isContext(Class<?> type) {
        return type.getName().equals(CONTEXT);
    }

    /** The type of the event: what the class says for RequestHandler's I, else the method's own first parameter. */
    private static Type inputOf(Class<?> owner, Method method) {
        Type[] types = method.getGenericParameterTypes();
        if (types.length == 0 || isContext(method.getParameterTypes()[0])) {
            return null;
        }
        return Types.resolve(types[0], owner, method.getDeclaringClass());
    }

    private static Object make(Class<?> owner) throws Throwable {
        try {
            return owner.getConstructor().newInstance();
        } catch (NoSuchMethodException missing) {
            throw new Exception("Class " + owner.getName() + " has no public zero-argument constructor", missing);
        } catch (InvocationTargetException thrown) {
            throw thrown.getCause();
        }
    }

    private static Object invoke(Object target, Method method, Object... values) throws Throwable {
        try {
            return method.invoke(target, values);
        } catch (InvocationTargetException thrown) {
            throw thrown.getCause();
        }
    }

    /** handleRequest(InputStream, OutputStream, Context), with or without the context. */
    private static final class Streams implements Handler {
        private final Object target;
        private final Method method;

        Streams(Object target, Method method) {
            this.target = target;
            this.method = method;
        }

        @Override
        public byte[] call(byte[] event, Map<String, Object> meta) throws Throwable {
            Class<?>[] types = method.getParameterTypes();
            ByteArrayOutputStream answer = new ByteArrayOutputStream();
            InputStream input = new ByteArrayInputStream(event);
            if (types.length == 3) {
                invoke(target, method, input, answer, Contexts.of(types[2], meta));
            } else {
                invoke(target, method, input, answer);
            }
            return answer.toByteArray();
        }
    }

    /** handleRequest(I, Context): the event is made into an I, and what comes back into JSON. */
    private static final class Typed implements Handler {
        private final Object target;
        private final Method method;
        private final Type input;

        Typed(Object target, Method method, Type input) {
            this.target = target;
            this.method = method;
            this.input = input;
        }

        @Override
        public byte[] call(byte[] event, Map<String, Object> meta) throws Throwable {
            Class<?>[] types = method.getParameterTypes();
            Object[] values = new Object[types.length];
            for (int i = 0; i < types.length; i++) {
                values[i] = i == 0 && input != null ? read(event) : Contexts.of(types[i], meta);
            }
            Object result = invoke(target, method, values);
            if (method.getReturnType() == void.class) {
                return Main.utf8("null");
            }
            return Main.utf8(Json.write(Binder.plain(result)));
        }

        private Object read(byte[] event) {
            if (input == InputStream.class) {
                return new ByteArrayInputStream(event);
            }
            try {
                return Binder.bind(Json.parse(new String(event, StandardCharsets.UTF_8)), input);
            } catch (Json.Malformed error) {
                throw new RuntimeException("An error occurred during JSON parsing", error);
            }
        }
    }
}
