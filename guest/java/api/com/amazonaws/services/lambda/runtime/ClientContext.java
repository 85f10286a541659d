package com.amazonaws.services.lambda.runtime;

import java.util.Map;

/** Of aws-lambda-java-core, for functions that do not bring it. */
public interface ClientContext {
    Client getClient();

    Map<String, String> getCustom();

    Map<String, String> getEnvironment();
}
