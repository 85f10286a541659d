package com.amazonaws.services.lambda.runtime;

/** Of aws-lambda-java-core, for functions that do not bring it. */
public interface CognitoIdentity {
    String getIdentityId();

    String getIdentityPoolId();
}
