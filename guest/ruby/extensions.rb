# frozen_string_literal: true

require 'socket'

module Lambent
  # Starts the external extensions of an environment beside this runtime, and reports how each ends, through the port of
  # the APIs in connections that do not begin with HTTP (guest/zygote/extension_spawner.py says what they carry).
  module Extensions
    module_function

    def start(paths, environ)
      host, port = environ.fetch('AWS_LAMBDA_RUNTIME_API').split(':')
      address = [host, port.to_i]
      news = connect(address, 'LAMBENT-PROCESSES')
      lock = Mutex.new
      paths.each { |path| launch(path, environ, address) { |line| lock.synchronize { news.write(line) } } }
    end

    def launch(path, environ, address)
      name = File.basename(path)
      output = connect(address, "LAMBENT-OUTPUT #{name}")
      pid = Process.spawn(environ, [path, path], unsetenv_others: true, in: File::NULL, out: output, err: output, chdir: '/')
      Thread.new { yield "exit #{Process.wait2(pid)[1].to_i} #{name}\n" }
    rescue SystemCallError => e
      yield "launch #{e.errno} #{name}\n"
    ensure
      output&.close
    end

    def connect(address, introduction)
      socket = TCPSocket.new(*address)
      socket.write("#{introduction}\n")
      socket
    end
  end
end
