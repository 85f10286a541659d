# frozen_string_literal: true

module Lambent
  # The method that a handler setting means: FILENAME.METHOD or FILENAME.CLASS.METHOD.
  class Handler
    def self.load(name)
      file, *rest = name.to_s.split('.')
      raise ArgumentError, invalid(name) unless file && [1, 2].include?(rest.size)

      require file
      rest.size == 2 ? new(rest[0], rest[1]) : new(nil, rest[0])
    end

    def self.invalid(name)
      "Invalid handler #{name}, must be of form FILENAME.METHOD or FILENAME.CLASS.METHOD where FILENAME corresponds " \
        'with an existing Ruby source file FILENAME.rb, CLASS is an optional module/class namespace and METHOD is a ' \
        'callable method. If using CLASS, METHOD must be a class-level method.'
    end

    def initialize(owner, method)
      @owner = owner
      @method = method
    end

    # As on AWS the names are looked up with each call, so that a method that is missing is an error of the call.
    def call(event, context)
      receiver = @owner ? Kernel.const_get(@owner) : TOPLEVEL_BINDING.receiver
      receiver.__send__(@method, event: event, context: context)
    end
  end
end
