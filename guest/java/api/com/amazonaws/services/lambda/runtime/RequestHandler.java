package com.amazonaws.services.lambda.runtime;

/** Of aws-lambda-java-core, for functions that do not bring it. */
public interface RequestHandler<I, O> {
    O handleRequest(I input, Context context);
}
