# frozen_string_literal: true

module Lambent
  # Log lines in AWS's format: a Logger on stdout or stderr names the request; a record is one event.
  module Logs
    class << self
      attr_accessor :request_id

      def patch
        Logger.prepend(Naming)
      end

      # One event, hence one line: newlines travel as carriage returns.
      def error(message, document)
        $stdout.puts "#{message}\r#{JSON.pretty_generate(document).gsub("\n", "\r")}"
      rescue StandardError
        nil
      end
    end

    # Gives loggers on stdout and stderr the formatter below, unless they are made with one of their own.
    module Naming
      def initialize(logdev = nil, *arguments, **options)
        standard = [$stdout, $stderr, STDOUT, STDERR].include?(logdev)
        options[:formatter] ||= Formatter.new if standard
        super(logdev, *arguments, **options)
      end
    end

    # Ruby's own format with the id of the invocation in it.
    class Formatter < ::Logger::Formatter
      def call(severity, time, progname, message)
        text = format('%<first>s, [%<time>s #%<pid>d] %<severity>5s %<id>s -- %<program>s: %<message>s',
                      first: severity[0], time: format_datetime(time), pid: Process.pid, severity: severity,
                      id: Logs.request_id, program: progname, message: msg2str(message))
        "#{text.encode('UTF-8', invalid: :replace, undef: :replace).gsub("\n", "\r")}\n"
      end
    end
  end
end
