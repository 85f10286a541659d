# frozen_string_literal: true

# The Ruby runtime of a sandbox: `ruby main.rb FD`. Waits parked for INIT, becomes that function, then serves.
# Standard library only, Ruby 2.7 and later.
require 'json'
require 'logger'
require 'net/http'
require 'rubygems'
require 'securerandom'
require 'stringio'
require 'time'
require 'uri'

require_relative 'channel'
require_relative 'context'
require_relative 'errors'
require_relative 'extensions'
require_relative 'handler'
require_relative 'logs'

module Lambent
  BAD_INIT = 254 # AWS's client leaves with -2

  RUNTIME = '_LAMBENT_RUNTIME' # "channel:spec", the descriptors of a runtime that was started again

  # This process as one function's environment.
  class Environment
    # Parked, or one that was started again: that one has its variables already, and no extensions to start.
    def initialize
      channel, spec = ENV.delete(RUNTIME)&.split(':')&.map(&:to_i)
      @channel = Channel.new(channel || ARGV[0].to_i)
      @spec = IO.open(spec) { |pipe| JSON.parse(pipe.read) }.merge('environ' => ENV.to_h) if spec
    end

    def run
      $stdout.sync = $stderr.sync = true
      Encoding.default_external = Encoding::UTF_8
      become(@spec || first_spec)
      @handler = load_handler
      @channel.send(Channel::READY)
      loop { serve(*@channel.receive_invocation) }
    end

    private

    def first_spec
      spec = @channel.receive_init
      unless spec.fetch('extensions', []).empty?
        Extensions.start(spec['extensions'], spec['extension_environ'])
        @channel.wait_to_proceed
      end
      start_again(spec) if spec['exec_wrapper'] || spec['environ']['RUBYOPT']
      spec
    end

    # Take on the variables, directory and search paths of a function.
    def become(spec)
      ENV.replace(spec['environ'])
      $PROGRAM_NAME = '/var/runtime/main.rb'
      ARGV.clear
      $LOAD_PATH.unshift(*ENV.fetch('RUBYLIB', '').split(':'), spec['task_root'])
      Gem.paths = ENV.to_h.slice('GEM_PATH', 'GEM_HOME')
      Logs.patch
      @name = spec['environ']['_HANDLER'] || spec['handler']
      Dir.chdir(spec['task_root'])
    rescue SystemCallError
      # loading the handler will say what is missing
    end

    # Variables that Ruby reads only when it starts, and a wrapper around it, need it executed once more. What INIT said
    # goes along in a pipe.
    def start_again(spec)
      read, write = IO.pipe
      write.write(JSON.generate(spec.reject { |name, _| name == 'environ' }))
      write.close
      environ = spec['environ'].merge(RUNTIME => "#{@channel.number}:#{read.fileno}")
      command = [*spec['exec_wrapper'], RbConfig.ruby, __FILE__]
      kept = { @channel.number => @channel.number, read.fileno => read.fileno }
      exec(environ, [command[0], command[0]], *command.drop(1), unsetenv_others: true, chdir: spec['task_root'], **kept)
    rescue SystemCallError => e
      warn "#{command[0]}: #{e.message}"
      exit!(e.is_a?(Errno::ENOENT) ? 127 : 126) # as a shell would end
    end

    def load_handler
      Handler.load(@name)
    rescue Exception => e # rubocop:disable Lint/RescueException - SyntaxError and LoadError are no StandardErrors
      fail_init(e)
    end

    def fail_init(error)
      document = Errors.document(error, 'Init')
      Logs.error('Init error when loading handler', document)
      @channel.send(Channel::INIT_ERROR, meta: { type: document[:errorType] }, body: JSON.generate(document))
      exit!(BAD_INIT)
    end

    def serve(meta, body, token)
      Logs.request_id = meta['id']
      meta['trace'] ? ENV['_X_AMZN_TRACE_ID'] = meta['trace'] : ENV.delete('_X_AMZN_TRACE_ID')
      result = @handler.call(JSON.parse(body), Context.new(meta))
      @channel.send(Channel::RESULT, token: token, body: marshal(result))
    rescue StandardError => e
      fail_call(e, token, 'Error raised from handler method', last: false)
    rescue Exception => e # rubocop:disable Lint/RescueException - what ends the process is still an answer
      fail_call(e, token, 'Critical exception from handler', last: true)
      leave(e)
    end

    def fail_call(error, token, message, last:)
      document = Errors.document(error, 'Function')
      Logs.error(message, document)
      meta = { type: document[:errorType] }
      meta[:last] = true if last
      @channel.send(Channel::ERROR, token: token, meta: meta, body: JSON.generate(document))
    end

    def marshal(result)
      return result.read if result.is_a?(StringIO) || result.is_a?(IO)

      JSON.generate(result)
    end

    def leave(error)
      exit!(error.is_a?(SystemExit) ? error.status : 1)
    end
  end
end

Lambent::Environment.new.run
