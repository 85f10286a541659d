package lambent.inside;

import com.amazonaws.services.lambda.runtime.ClientContext;
import com.amazonaws.services.lambda.runtime.CognitoIdentity;
import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.LambdaLogger;
import java.util.Map;
import java.util.function.Consumer;

/**
 * The context object. It is loaded beside the function, so that it implements whichever Context the function brings; what
 * a later version of that adds without a default is an AbstractMethodError for who calls it, and nothing else.
 */
public final class FunctionContext implements Context {
    private final Map<String, Object> meta;
    private final Map<String, Object> identity;
    private final Map<String, Object> client;
    private final Consumer<byte[]> log;

    /** What the platform says of the invocation, its identity and client context (or null), and where logs go. */
    public FunctionContext(
            Map<String, Object> meta, Map<String, Object> identity, Map<String, Object> client, Consumer<byte[]> log) {
        this.meta = meta;
        this.identity = identity;
        this.client = client;
        this.log = log;
    }

    @Override
    public String getAwsRequestId() {
        return text("id");
    }

    @Override
    public String getInvokedFunctionArn() {
        return text("arn");
    }

    @Override
    public String getLogGroupName() {
        return System.getenv("AWS_LAMBDA_LOG_GROUP_NAME");
    }

    @Override
    public String getLogStreamName() {
        return System.getenv("AWS_LAMBDA_LOG_STREAM_NAME");
    }

    @Override
    public String getFunctionName() {
        return System.getenv("AWS_LAMBDA_FUNCTION_NAME");
    }

    @Override
    public String getFunctionVersion() {
        return System.getenv("AWS_LAMBDA_FUNCTION_VERSION");
    }

    @Override
    public int getMemoryLimitInMB() {
        return Integer.parseInt(System.getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"));
    }

    @Override
    public int getRemainingTimeInMillis() {
        return (int) Math.max(0, ((Number) meta.get("deadline")).longValue() - System.currentTimeMillis());
    }

    @Override
    public CognitoIdentity getIdentity() {
        return new FunctionIdentity(identity);
    }

    @Override
    public ClientContext getClientContext() {
        return client == null ? null : new FunctionClientContext(client);
    }

    @Override
    public LambdaLogger getLogger() {
        return new FunctionLogger(log);
    }

    @Override
    public String getTenantId() {
        return text("tenant");
    }

    @Override
    public String getXrayTraceId() {
        return text("trace");
    }

    private String text(String name) {
        return (String) meta.get(name);
    }
}
