package lambent;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/** The context object, as a proxy of whichever Context interface the function was compiled with. */
final class Contexts {
    private Contexts() {}

    /** A new context of interface `type` for the invocation that `meta` describes. */
    static Object of(Class<?> type, Map<String, Object> meta) {
        Map<String, Object> members = new LinkedHashMap<>();
        members.put("getAwsRequestId", meta.get("id"));
        members.put("getInvokedFunctionArn", meta.get("arn"));
        members.put("getTenantId", meta.get("tenant"));
        members.put("getXrayTraceId", meta.get("trace"));
        members.put("getLogGroupName", System.getenv("AWS_LAMBDA_LOG_GROUP_NAME"));
        members.put("getLogStreamName", System.getenv("AWS_LAMBDA_LOG_STREAM_NAME"));
        members.put("getFunctionName", System.getenv("AWS_LAMBDA_FUNCTION_NAME"));
        members.put("getFunctionVersion", System.getenv("AWS_LAMBDA_FUNCTION_VERSION"));
        members.put("getMemoryLimitInMB", Integer.valueOf(System.getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")));
        return proxy(type, new Answers(members, meta));
    }

    private static Object proxy(Class<?> type, InvocationHandler handler) {
        return Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler);
    }

    /** The context itself: `members` are the plain getters, `meta` what the platform said of the invocation. */
    private static class Answers implements InvocationHandler {
        private final Map<String, Object> members;
        private final Map<String, Object> meta;

        Answers(Map<String, Object> members, Map<String, Object> meta) {
            this.members = members;
            this.meta = meta;
        }

        @Override
        public Object invoke(Object self, Method method, Object[] values) throws Throwable {
            switch (method.getName()) {
                case "getRemainingTimeInMillis":
                    return (int) Math.max(0, ((Number) meta.get("deadline")).longValue() - System.currentTimeMillis());
                case "getLogger":
                    return proxy(method.getReturnType(), new Logger());
                case "getIdentity":
                    Map<String, Object> identity = parsed(meta.get("identity"));
                    return object(method.getReturnType(), identity == null ? Collections.emptyMap() : identity);
                case "getClientContext":
                    return object(method.getReturnType(), parsed(meta.get("context")));
                default:
                    // null: a method of a later version of the interface, which we do not know
                    return method.getDeclaringClass() == Object.class ? common(self, method, values) : members.get(method.getName());
            }
        }
    }

    /** log(String), log(byte[]) and their forms with a level, which a text log does not show. */
    private static class Logger implements InvocationHandler {
        @Override
        public Object invoke(Object self, Method method, Object[] values) {
            if (!method.getName().equals("log")) {
                return common(self, method, values);
            }
            if (values[0] instanceof byte[]) {
                Output.log((byte[]) values[0]);
            } else {
                Output.log(String.valueOf(values[0]));
            }
            return null;
        }
    }

    /** An interface of getters over a JSON object: getIdentityId for cognitoIdentityId, getAppTitle for app_title. */
    private static class Members implements InvocationHandler {
        private final Map<String, Object> found;

        Members(Map<String, Object> found) {
            this.found = found;
        }

        @Override
        public Object invoke(Object self, Method method, Object[] values) {
            if (!method.getName().startsWith("get") || method.getParameterTypes().length > 0) {
                return common(self, method, values);
            }
            Object value = member(found, method.getName().substring(3));
            Class<?> wanted = method.getReturnType();
            return wanted.isInterface() && wanted != Map.class
                    ? object(wanted, parsed(value)) : Binder.bind(value, method.getGenericReturnType());
        }
    }

    private static Object object(Class<?> type, Map<String, Object> found) {
        return found == null ? null : proxy(type, new Members(found));
    }

    private static Object member(Map<String, Object> found, String wanted) {
        for (Map.Entry<String, Object> each : found.entrySet()) {
            String name = each.getKey().replace("_", "").replace("cognito", "");
            if (name.equalsIgnoreCase(wanted) || (wanted.equals("Environment") && name.equals("env"))) {
                return each.getValue();
            }
        }
        return null;
    }

    /** A JSON object, which the platform hands on as it came: text or already parsed. */
    @SuppressWarnings("unchecked")
    private static Map<String, Object> parsed(Object value) {
        Object found = value instanceof String && !((String) value).isEmpty() ? Json.parse((String) value) : value;
        return found instanceof Map ? (Map<String, Object>) found : null;
    }

    private static Object common(Object self, Method method, Object[] values) {
        switch (method.getName()) {
            case "equals":
                return self == values[0];
            case "hashCode":
                return System.identityHashCode(self);
            case "toString":
                return "lambent." + Integer.toHexString(System.identityHashCode(self));
            default:
                return null;
        }
    }
}
