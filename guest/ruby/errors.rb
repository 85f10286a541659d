# frozen_string_literal: true

module Lambent
  # Errors as a client of AWS Lambda sees them: {errorMessage, errorType: "Function<Class>", stackTrace}.
  module Errors
    OWN = File.join(__dir__, '')

    module_function

    # `phase` is Init or Function. Frames of this runtime are left out: they are none of the function's.
    def document(error, phase)
      trace = (error.backtrace || []).reject { |line| line.start_with?(OWN) || line.start_with?('<internal:') }
      {
        errorMessage: text(error.message),
        errorType: "#{phase}<#{error.class.name}>",
        stackTrace: trace.map { |line| text(line) }
      }
    end

    def text(value)
      value.to_s.encode('UTF-8', invalid: :replace, undef: :replace).scrub
    end
  end
end
