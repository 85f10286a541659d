package com.amazonaws.services.lambda.runtime;

/** Of aws-lambda-java-core, for functions that do not bring it. */
public interface LambdaLogger {
    void log(String message);

    void log(byte[] message);
}
