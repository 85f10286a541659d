package lambent.inside;

import com.amazonaws.services.lambda.runtime.Client;
import com.amazonaws.services.lambda.runtime.ClientContext;
import java.util.LinkedHashMap;
import java.util.Map;

/** What the caller sent as its ClientContext: {client, custom, env}. */
final class FunctionClientContext implements ClientContext {
    private final Map<String, Object> found;

    FunctionClientContext(Map<String, Object> found) {
        this.found = found;
    }

    @Override
    public Client getClient() {
        return found.get("client") instanceof Map ? new FunctionClient(texts("client")) : null;
    }

    @Override
    public Map<String, String> getCustom() {
        return texts("custom");
    }

    @Override
    public Map<String, String> getEnvironment() {
        return texts("env");
    }

    private Map<String, String> texts(String name) {
        if (!(found.get(name) instanceof Map)) {
            return null;
        }
        Map<String, String> texts = new LinkedHashMap<>();
        for (Map.Entry<?, ?> each : ((Map<?, ?>) found.get(name)).entrySet()) {
            texts.put(String.valueOf(each.getKey()), each.getValue() == null ? null : each.getValue().toString());
        }
        return texts;
    }

    private static final class FunctionClient implements Client {
        private final Map<String, String> found;

        FunctionClient(Map<String, String> found) {
            this.found = found;
        }

        @Override
        public String getInstallationId() {
            return found.get("installation_id");
        }

        @Override
        public String getAppTitle() {
            return found.get("app_title");
        }

        @Override
        public String getAppVersionName() {
            return found.get("app_version_name");
        }

        @Override
        public String getAppVersionCode() {
            return found.get("app_version_code");
        }

        @Override
        public String getAppPackageName() {
            return found.get("app_package_name");
        }
    }
}
