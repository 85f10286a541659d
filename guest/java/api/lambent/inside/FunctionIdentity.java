package lambent.inside;

import com.amazonaws.services.lambda.runtime.CognitoIdentity;
import java.util.Map;

/** Never null itself, as on AWS; its members are null for a caller without one. */
final class FunctionIdentity implements CognitoIdentity {
    private final Map<String, Object> found;

    FunctionIdentity(Map<String, Object> found) {
        this.found = found;
    }

    @Override
    public String getIdentityId() {
        return text("cognitoIdentityId");
    }

    @Override
    public String getIdentityPoolId() {
        return text("cognitoIdentityPoolId");
    }

    private String text(String name) {
        return found == null ? null : (String) found.get(name);
    }
}
