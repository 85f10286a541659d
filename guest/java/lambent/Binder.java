package lambent;

import java.lang.reflect.Array;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.Collections;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/** Parsed JSON into what a handler asks for, forgiving like AWS's serializer: unknown members are passed over, a single
 * value may stand for a list, numbers and texts become each other. */
final class Binder {
    private Binder() {}

    static Object bind(Object json, Type type) {
        Class<?> raw = Types.raw(type);
        if (json == null) {
            return nothing(raw);
        }
        if (raw == Object.class) {
            return json;
        }
        if (raw == String.class || raw == CharSequence.class) {
            return text(json);
        }
        if (raw.isPrimitive() || Number.class.isAssignableFrom(raw) || raw == Boolean.class || raw == Character.class) {
            return scalar(json, raw);
        }
        if (raw.isArray() || raw == ByteBuffer.class) {
            return array(json, raw, type);
        }
        if (Iterable.class.isAssignableFrom(raw) && (raw.isInterface() || Collection.class.isAssignableFrom(raw))) {
            return collection(json, raw, Types.argument(type, 0));
        }
        if (Map.class.isAssignableFrom(raw)) {
            return map(json, raw, type);
        }
        if (raw == Optional.class) {
            return Optional.ofNullable(bind(json, Types.argument(type, 0)));
        }
        return json instanceof Map ? Beans.make((Map<?, ?>) json, type) : fromScalar(json, raw);
    }

    private static Object nothing(Class<?> raw) {
        if (raw == Optional.class) {
            return Optional.empty();
        }
        return raw.isPrimitive() && raw != void.class ? Array.get(Array.newInstance(raw, 1), 0) : null;
    }

    private static String text(Object json) {
        if (json instanceof Map || json instanceof List) {
            throw new Json.Malformed("Cannot make a java.lang.String of a JSON " + (json instanceof Map ? "object" : "array"));
        }
        return json.toString();
    }

    private static Object scalar(Object json, Class<?> raw) {
        String text = text(json).trim();
        try {
            switch (raw.getSimpleName()) {
                case "boolean":
                case "Boolean":
                    return json instanceof Boolean ? json : json instanceof Number
                            ? ((Number) json).intValue() != 0 : Boolean.parseBoolean(text);
                case "char":
                case "Character":
                    return text.isEmpty() ? nothing(raw) : (Object) text.charAt(0);
                case "BigInteger":
                    return new BigDecimal(text).toBigInteger();
                case "BigDecimal":
                    return new BigDecimal(text);
                case "Number":
                    return json instanceof Number ? json : new BigDecimal(text);
                default:
                    return text.isEmpty() ? nothing(raw) : number(new BigDecimal(text), raw);
            }
        } catch (NumberFormatException error) {
            throw new Json.Malformed("Cannot make a " + raw.getName() + " of " + Json.write(json));
        }
    }

    private static Object number(BigDecimal number, Class<?> raw) {
        switch (raw.getSimpleName()) {
            case "int":
            case "Integer":
                return number.intValue();
            case "long":
            case "Long":
                return number.longValue();
            case "double":
            case "Double":
                return number.doubleValue();
            case "float":
            case "Float":
                return number.floatValue();
            case "short":
            case "Short":
                return number.shortValue();
            case "byte":
            case "Byte":
                return number.byteValue();
            default:
                return Beans.fromText(number.toString(), raw);
        }
    }

    private static Object array(Object json, Class<?> raw, Type type) {
        if (json instanceof String && (raw == byte[].class || raw == ByteBuffer.class)) {
            byte[] bytes = Base64.getDecoder().decode((String) json);
            return raw == byte[].class ? bytes : ByteBuffer.wrap(bytes);
        }
        Type item = type instanceof java.lang.reflect.GenericArrayType
                ? ((java.lang.reflect.GenericArrayType) type).getGenericComponentType() : raw.getComponentType();
        List<?> items = list(json);
        Object made = Array.newInstance(raw.getComponentType(), items.size());
        for (int i = 0; i < items.size(); i++) {
            Array.set(made, i, bind(items.get(i), item));
        }
        return made;
    }

    private static List<?> list(Object json) {
        return json instanceof List ? (List<?>) json : Collections.singletonList(json);
    }

    @SuppressWarnings("unchecked")
    private static Object collection(Object json, Class<?> raw, Type item) {
        Collection<Object> made;
        if (!Modifier.isAbstract(raw.getModifiers())) {
            made = (Collection<Object>) Beans.construct(raw);
        } else if (SortedSet.class.isAssignableFrom(raw)) {
            made = new TreeSet<>();
        } else if (java.util.Set.class.isAssignableFrom(raw)) {
            made = new LinkedHashSet<>();
        } else {
            made = java.util.Queue.class.isAssignableFrom(raw) ? new ArrayDeque<>() : new ArrayList<>();
        }
        for (Object each : list(json)) {
            made.add(bind(each, item));
        }
        return made;
    }

    @SuppressWarnings("unchecked")
    private static Object map(Object json, Class<?> raw, Type type) {
        if (!(json instanceof Map)) {
            throw new Json.Malformed("Cannot make a " + raw.getName() + " of " + Json.write(json));
        }
        Map<Object, Object> made;
        if (!Modifier.isAbstract(raw.getModifiers())) {
            made = (Map<Object, Object>) Beans.construct(raw);
        } else {
            made = SortedMap.class.isAssignableFrom(raw) ? new TreeMap<>() : new LinkedHashMap<>();
        }
        Type value = Types.argument(type, 1);
        for (Map.Entry<?, ?> each : ((Map<?, ?>) json).entrySet()) {
            made.put(bind(each.getKey(), Types.argument(type, 0)), bind(each.getValue(), value));
        }
        return made;
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static Object fromScalar(Object json, Class<?> raw) {
        if (json instanceof List) {
            List<?> items = (List<?>) json;
            if (items.size() == 1) {
                return bind(items.get(0), raw);
            }
            throw new Json.Malformed("Cannot make a " + raw.getName() + " of a JSON array");
        }
        if (raw.isEnum()) {
            for (Object each : raw.getEnumConstants()) {
                if (((Enum) each).name().equals(json) || Integer.valueOf(((Enum) each).ordinal()).equals(json)) {
                    return each;
                }
            }
            return null;
        }
        if (raw == Date.class) {
            return json instanceof Number ? new Date(((Number) json).longValue()) : Date.from(instant(json.toString()));
        }
        if (raw == Instant.class && json instanceof Number) {
            return Instant.ofEpochMilli(Math.round(((Number) json).doubleValue() * 1000));
        }
        if (json instanceof String && ((String) json).isEmpty()) {
            return null;
        }
        return Beans.fromText(json.toString(), raw);
    }

    private static Instant instant(String text) {
        return text.endsWith("Z") ? Instant.parse(text) : OffsetDateTime.parse(text).toInstant();
    }

    /** What a handler returned as Map, List, String, Number, Boolean or null. */
    static Object plain(Object value) {
        return plain(value, 0);
    }

    static Object plain(Object value, int depth) {
        if (depth > 1000) {
            throw new Json.Malformed("the answer is nested deeper than 1000 levels, or contains itself");
        }
        if (value == null || value instanceof String || value instanceof Boolean || isNumber(value)) {
            return value;
        }
        if (value instanceof Optional) {
            return plain(((Optional<?>) value).orElse(null), depth);
        }
        if (value instanceof Date) {
            return ((Date) value).getTime();
        }
        if (value instanceof byte[] || value instanceof ByteBuffer) {
            return Base64.getEncoder().encodeToString(bytes(value));
        }
        if (value instanceof Enum) {
            return ((Enum<?>) value).name();
        }
        if (value instanceof Map) {
            Map<String, Object> made = new LinkedHashMap<>();
            for (Map.Entry<?, ?> each : ((Map<?, ?>) value).entrySet()) {
                put(made, String.valueOf(each.getKey()), each.getValue(), depth);
            }
            return made;
        }
        if (value instanceof Iterable || value.getClass().isArray()) {
            return items(value, depth);
        }
        return value.getClass().getName().startsWith("java") ? value.toString() : Beans.members(value, depth);
    }

    private static boolean isNumber(Object value) {
        return value instanceof Number && (value instanceof BigInteger || value.getClass().getName().startsWith("java."));
    }

    private static byte[] bytes(Object value) {
        if (value instanceof byte[]) {
            return (byte[]) value;
        }
        ByteBuffer buffer = ((ByteBuffer) value).duplicate();
        byte[] found = new byte[buffer.remaining()];
        buffer.get(found);
        return found;
    }

    private static List<Object> items(Object value, int depth) {
        List<Object> made = new ArrayList<>();
        if (value instanceof Iterable) {
            for (Object each : (Iterable<?>) value) {
                made.add(plain(each, depth + 1));
            }
        } else {
            for (int i = 0; i < Array.getLength(value); i++) {
                made.add(plain(Array.get(value, i), depth + 1));
            }
        }
        return made;
    }

    /** Members that are null are left out, as AWS's serializer leaves them out. */
    static void put(Map<String, Object> made, String name, Object value, int depth) {
        Object found = plain(value, depth + 1);
        if (found != null) {
            made.put(name, found);
        }
    }
}
