package lambent;

import java.lang.reflect.GenericArrayType;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.lang.reflect.WildcardType;
import java.util.HashMap;
import java.util.Map;

/** Generic types: which class stands behind one, and what a class says for the variables of what it extends. */
final class Types {
    private Types() {}

    /** The interface of that name that `type` implements, or null. Compared by name: loaders may differ. */
    static Class<?> implementing(Class<?> type, String name) {
        for (Class<?> each = type; each != null; each = each.getSuperclass()) {
            for (Class<?> one : each.getInterfaces()) {
                Class<?> found = one.getName().equals(name) ? one : implementing(one, name);
                if (found != null) {
                    return found;
                }
            }
        }
        return null;
    }

    /** `type` as declared in `declaring`, seen from its subclass `owner`. */
    static Type resolve(Type type, Class<?> owner, Class<?> declaring) {
        Map<TypeVariable<?>, Type> known = new HashMap<>();
        learn(owner, known);
        return substitute(type, known);
    }

    private static void learn(Type type, Map<TypeVariable<?>, Type> known) {
        Class<?> raw = raw(type);
        if (type instanceof ParameterizedType) {
            Type[] given = ((ParameterizedType) type).getActualTypeArguments();
            TypeVariable<?>[] names = raw.getTypeParameters();
            for (int i = 0; i < names.length; i++) {
                known.put(names[i], substitute(given[i], known));
            }
        }
        if (raw.getGenericSuperclass() != null) {
            learn(raw.getGenericSuperclass(), known);
        }
        for (Type each : raw.getGenericInterfaces()) {
            learn(each, known);
        }
    }

    static Type substitute(Type type, Map<TypeVariable<?>, Type> known) {
        if (type instanceof TypeVariable) {
            return known.getOrDefault(type, Object.class);
        }
        if (!(type instanceof ParameterizedType) || known.isEmpty()) {
            return type;
        }
        ParameterizedType generic = (ParameterizedType) type;
        Type[] given = generic.getActualTypeArguments().clone();
        for (int i = 0; i < given.length; i++) {
            given[i] = substitute(given[i], known);
        }
        return new Parameterized(generic, given);
    }

    static Class<?> raw(Type type) {
        if (type instanceof Class) {
            return (Class<?>) type;
        }
        if (type instanceof ParameterizedType) {
            return raw(((ParameterizedType) type).getRawType());
        }
        if (type instanceof GenericArrayType) {
            Class<?> item = raw(((GenericArrayType) type).getGenericComponentType());
            return java.lang.reflect.Array.newInstance(item, 0).getClass();
        }
        if (type instanceof WildcardType) {
            return raw(((WildcardType) type).getUpperBounds()[0]);
        }
        return type instanceof TypeVariable ? raw(((TypeVariable<?>) type).getBounds()[0]) : Object.class;
    }

    /** The type in place `index` of `type`'s own arguments: String for List<String>; Object where it says none. */
    static Type argument(Type type, int index) {
        if (type instanceof ParameterizedType) {
            Type[] given = ((ParameterizedType) type).getActualTypeArguments();
            return index < given.length ? given[index] : Object.class;
        }
        return Object.class;
    }

    /** The variables of a generic class as `type` fills them. */
    static Map<TypeVariable<?>, Type> variables(Type type) {
        Map<TypeVariable<?>, Type> known = new HashMap<>();
        learn(type, known);
        return known;
    }

    private static final class Parameterized implements ParameterizedType {
        private final ParameterizedType original;
        private final Type[] given;

        Parameterized(ParameterizedType original, Type[] given) {
            this.original = original;
            this.given = given;
        }

        @Override
        public Type[] getActualTypeArguments() {
            return given.clone();
        }

        @Override
        public Type getRawType() {
            return original.getRawType();
        }

        @Override
        public Type getOwnerType() {
            return original.getOwnerType();
        }
    }
}
