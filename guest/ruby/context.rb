# frozen_string_literal: true

module Lambent
  # The context object of one invocation; AWS calls it LambdaContext.
  class Context
    attr_reader :aws_request_id, :invoked_function_arn, :log_group_name, :log_stream_name, :function_name,
                :memory_limit_in_mb, :function_version, :identity, :client_context, :deadline_ms, :tenant_id

    def initialize(meta)
      @clock_diff = Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond) - monotonic
      @deadline_ms = meta['deadline']
      @aws_request_id = meta['id']
      @invoked_function_arn = meta['arn']
      @tenant_id = meta['tenant']
      @log_group_name = ENV['AWS_LAMBDA_LOG_GROUP_NAME']
      @log_stream_name = ENV['AWS_LAMBDA_LOG_STREAM_NAME']
      @function_name = ENV['AWS_LAMBDA_FUNCTION_NAME']
      @memory_limit_in_mb = ENV['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']
      @function_version = ENV['AWS_LAMBDA_FUNCTION_VERSION']
      @identity = meta['identity']
      @client_context = meta['context'] && JSON.parse(meta['context'])
    end

    def get_remaining_time_in_millis
      remaining = @deadline_ms - (monotonic + @clock_diff)
      remaining.positive? ? remaining : 0
    end

    private

    # A handler may change what Time.now says (tests do); this it does not.
    def monotonic
      Process.clock_gettime(Process::CLOCK_MONOTONIC, :millisecond)
    end
  end
end
