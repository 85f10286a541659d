package lambent;

import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/** The function's own classes: beans with getters and setters, public fields, records, and what has a text form. */
final class Beans {
    // No lambdas here, nor anywhere in this client: the first one costs a cold start tens of milliseconds.
    private static final Map<Class<?>, Map<String, Member>> SETTERS = new ConcurrentHashMap<>();
    private static final Map<Class<?>, Map<String, Member>> GETTERS = new ConcurrentHashMap<>();

    /** A member to be read or set, through a method or else directly. */
    private static final class Member {
        final Type type;
        final Method method;
        final Field field;

        Member(Type type, Method method, Field field) {
            this.type = type;
            this.method = method;
            this.field = field;
            (method != null ? method : field).setAccessible(true);
        }

        Object get(Object bean) throws ReflectiveOperationException {
            return method != null ? method.invoke(bean) : field.get(bean);
        }

        void set(Object bean, Object value) throws ReflectiveOperationException {
            if (method != null) {
                method.invoke(bean, value);
            } else {
                field.set(bean, value);
            }
        }
    }

    private Beans() {}

    static Object make(Map<?, ?> json, Type type) {
        Class<?> raw = Types.raw(type);
        Map<TypeVariable<?>, Type> variables = Types.variables(type);
        if (isRecord(raw)) {
            return makeRecord(json, raw, variables);
        }
        Object bean = construct(raw);
        Map<String, Member> setters = SETTERS.get(raw);
        if (setters == null) {
            setters = settersOf(raw);
            SETTERS.put(raw, setters);
        }
        for (Map.Entry<?, ?> each : json.entrySet()) {
            Member setter = setters.get(String.valueOf(each.getKey()));
            if (setter != null && (each.getValue() != null || !Types.raw(setter.type).isPrimitive())) {
                try {
                    setter.set(bean, Binder.bind(each.getValue(), Types.substitute(setter.type, variables)));
                } catch (ReflectiveOperationException error) {
                    throw trouble("set " + each.getKey() + " of", raw, error);
                }
            }
        }
        return bean;
    }

    private static boolean isRecord(Class<?> raw) {
        return raw.getSuperclass() != null && raw.getSuperclass().getName().equals("java.lang.Record");
    }

    private static Object makeRecord(Map<?, ?> json, Class<?> raw, Map<TypeVariable<?>, Type> variables) {
        Map<String, Object> given = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        for (Map.Entry<?, ?> each : json.entrySet()) {
            given.put(String.valueOf(each.getKey()), each.getValue());
        }
        java.util.List<Field> parts = new java.util.ArrayList<>();
        for (Field field : raw.getDeclaredFields()) {
            if (!Modifier.isStatic(field.getModifiers())) {
                parts.add(field);
            }
        }
        Class<?>[] types = new Class<?>[parts.size()];
        Object[] values = new Object[parts.size()];
        for (int i = 0; i < types.length; i++) {
            types[i] = parts.get(i).getType();
            values[i] = Binder.bind(given.get(parts.get(i).getName()), Types.substitute(parts.get(i).getGenericType(), variables));
        }
        try {
            Constructor<?> constructor = raw.getDeclaredConstructor(types);
            constructor.setAccessible(true);
            return constructor.newInstance(values);
        } catch (ReflectiveOperationException error) {
            throw trouble("make", raw, error);
        }
    }

    static Object construct(Class<?> raw) {
        try {
            Constructor<?> constructor = raw.getDeclaredConstructor();
            if (!Modifier.isPublic(constructor.getModifiers()) || !Modifier.isPublic(raw.getModifiers())) {
                constructor.setAccessible(true);
            }
            return constructor.newInstance();
        } catch (ReflectiveOperationException error) {
            throw trouble("make", raw, error);
        }
    }

    /** By their names as JSON has them, in any case: AWS's event classes have setRecords for "Records". */
    private static Map<String, Member> settersOf(Class<?> raw) {
        Map<String, Member> found = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        for (Class<?> each = raw; each != null && each != Object.class; each = each.getSuperclass()) {
            for (Field field : each.getDeclaredFields()) {
                if (Modifier.isPublic(field.getModifiers()) && !Modifier.isStatic(field.getModifiers())) {
                    found.putIfAbsent(field.getName(), new Member(field.getGenericType(), null, field));
                }
            }
        }
        for (Method method : raw.getMethods()) {
            String name = method.getName();
            if (name.length() > 3 && name.startsWith("set") && method.getParameterTypes().length == 1
                    && !Modifier.isStatic(method.getModifiers())) {
                Member before = found.get(name.substring(3));
                if (before == null || before.method == null || prefers(raw, method)) {
                    found.put(name.substring(3), new Member(method.getGenericParameterTypes()[0], method, null));
                }
            }
        }
        return found;
    }

    /** Of several setters of one name, the one whose type a getter has. */
    private static boolean prefers(Class<?> raw, Method setter) {
        if (setter.isBridge()) {
            return false;
        }
        for (String prefix : new String[] {"get", "is"}) {
            try {
                Class<?> type = raw.getMethod(prefix + setter.getName().substring(3)).getReturnType();
                return type == setter.getParameterTypes()[0];
            } catch (NoSuchMethodException none) {
                continue;
            }
        }
        return false;
    }

    static Map<String, Object> members(Object bean, int depth) {
        Map<String, Object> made = new LinkedHashMap<>();
        Map<String, Member> getters = GETTERS.get(bean.getClass());
        if (getters == null) {
            getters = gettersOf(bean.getClass());
            GETTERS.put(bean.getClass(), getters);
        }
        for (Map.Entry<String, Member> each : getters.entrySet()) {
            try {
                Binder.put(made, each.getKey(), each.getValue().get(bean), depth);
            } catch (ReflectiveOperationException error) {
                throw trouble("read " + each.getKey() + " of", bean.getClass(), error);
            }
        }
        return made;
    }

    private static Map<String, Member> gettersOf(Class<?> raw) {
        Map<String, Member> found = new LinkedHashMap<>();
        for (Field field : raw.getFields()) {
            if (!Modifier.isStatic(field.getModifiers()) && !Modifier.isTransient(field.getModifiers())) {
                found.put(field.getName(), new Member(field.getGenericType(), null, field));
            }
        }
        if (isRecord(raw)) {
            for (Field field : raw.getDeclaredFields()) {
                if (!Modifier.isStatic(field.getModifiers())) {
                    found.put(field.getName(), new Member(field.getGenericType(), null, field));
                }
            }
            return found;
        }
        Map<String, Method> methods = new TreeMap<>();
        for (Method method : raw.getMethods()) {
            String name = property(method);
            if (name != null && (!methods.containsKey(name) || !method.isBridge())) {
                methods.put(name, method);
            }
        }
        for (Map.Entry<String, Method> each : methods.entrySet()) {
            found.put(each.getKey(), new Member(each.getValue().getGenericReturnType(), each.getValue(), null));
        }
        return found;
    }

    /** The member that a getter stands for: url for getURL, open for isOpen; null for other methods. */
    private static String property(Method method) {
        String name = method.getName();
        Class<?> type = method.getReturnType();
        boolean flag = name.startsWith("is") && (type == boolean.class || type == Boolean.class);
        int start = name.startsWith("get") ? 3 : flag ? 2 : 0;
        if (start == 0 || name.length() == start || method.getParameterTypes().length > 0 || type == void.class
                || Modifier.isStatic(method.getModifiers()) || method.getDeclaringClass() == Object.class) {
            return null;
        }
        int end = start;
        while (end < name.length() && Character.isUpperCase(name.charAt(end))) {
            end++;
        }
        return name.substring(start, end).toLowerCase(Locale.ROOT) + name.substring(end);
    }

    /** A class with a text form: parse, valueOf, fromString or of, or a constructor that takes a text. */
    static Object fromText(String text, Class<?> raw) {
        for (String name : new String[] {"parse", "valueOf", "fromString", "of", "create"}) {
            for (Class<?> argument : new Class<?>[] {String.class, CharSequence.class}) {
                try {
                    Method method = raw.getMethod(name, argument);
                    if (Modifier.isStatic(method.getModifiers()) && raw.isAssignableFrom(method.getReturnType())) {
                        return method.invoke(null, text);
                    }
                } catch (NoSuchMethodException next) {
                    continue;
                } catch (ReflectiveOperationException error) {
                    throw trouble("make", raw, error);
                }
            }
        }
        try {
            return raw.getConstructor(String.class).newInstance(text);
        } catch (ReflectiveOperationException error) {
            throw new Json.Malformed("Cannot make a " + raw.getName() + " of a JSON text or number");
        }
    }

    private static RuntimeException trouble(String what, Class<?> raw, ReflectiveOperationException error) {
        Throwable cause = error instanceof InvocationTargetException && error.getCause() != null ? error.getCause() : error;
        Json.Malformed made = new Json.Malformed("Cannot " + what + " " + raw.getName() + ": " + cause);
        made.initCause(cause);
        return made;
    }
}
