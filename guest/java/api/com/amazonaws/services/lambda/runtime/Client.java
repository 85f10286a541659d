package com.amazonaws.services.lambda.runtime;

/** Of aws-lambda-java-core, for functions that do not bring it. */
public interface Client {
    String getInstallationId();

    String getAppTitle();

    String getAppVersionName();

    String getAppVersionCode();

    String getAppPackageName();
}
