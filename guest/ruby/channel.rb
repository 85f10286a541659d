# frozen_string_literal: true

module Lambent
  # The framed channel to the platform. A frame is a 28-byte header (type, sizes of meta and body, token), a JSON object
  # and raw bytes.
  class Channel
    INIT = 1
    INVOKE = 2
    PROCEED = 5
    READY = 17
    RESULT = 18
    ERROR = 19
    INIT_ERROR = 20
    HEADER = 'Cx3NNa16'
    HEADER_SIZE = 28
    NO_TOKEN = ("\0" * 16).b.freeze

    attr_reader :number

    def initialize(number)
      @number = number
      @io = IO.for_fd(number, 'r+b', autoclose: false)
      @io.sync = true
    end

    # What the first frame says that this environment is to be.
    def receive_init
      kind, meta, = receive
      abort("expected INIT as the first frame, got type #{kind}") unless kind == INIT
      meta
    end

    # Until the platform has heard of all extensions.
    def wait_to_proceed
      loop { return if receive[0] == PROCEED }
    end

    def receive_invocation
      loop do
        kind, meta, body, token = receive
        return [meta, body, token] if kind == INVOKE
      end
    end

    # Everything that was printed goes out before the frame.
    def send(kind, token: NO_TOKEN, meta: nil, body: '')
      flush
      text = meta ? JSON.generate(meta).b : ''.b
      body = body.b
      @io.write([kind, text.bytesize, body.bytesize, token].pack(HEADER), text, body)
    rescue SystemCallError
      exit!(0) # the platform is gone
    end

    private

    def flush
      [$stdout, $stderr].each do |stream|
        stream.flush
      rescue StandardError
        nil # closed or replaced by the handler, which is its own matter
      end
    end

    def receive
      kind, meta_size, body_size, token = exactly(HEADER_SIZE).unpack(HEADER)
      meta = meta_size.zero? ? {} : JSON.parse(exactly(meta_size).force_encoding(Encoding::UTF_8))
      [kind, meta, exactly(body_size).force_encoding(Encoding::UTF_8), token]
    end

    # The end of the channel ends the process: no thread or exit handler may keep it alive.
    def exactly(size)
      return ''.b if size.zero?

      data = @io.read(size)
      exit!(0) if data.nil? || data.bytesize < size
      data
    rescue SystemCallError
      exit!(0)
    end
  end
end
