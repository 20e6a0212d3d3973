# The Ruby runtime inside a worker: takes the function from the host, loads its handler, and runs one event after another.
#
# It speaks frames over two inherited descriptors (channel.ts has the other end and the format): 3 brings `start` and `invoke`, 4 takes `log`,
# `waiting`, `ready`, `response`, `error` and `init-error`. Runs on every Ruby from 2.7 on.
#
# https://docs.aws.amazon.com/lambda/latest/dg/ruby-handler.html
# https://docs.aws.amazon.com/lambda/latest/dg/ruby-exceptions.html

require "json"

module VirgaRuntime
  LEVELS = { "TRACE" => 0, "DEBUG" => 0, "INFO" => 1, "WARN" => 2, "ERROR" => 3, "FATAL" => 4 }.freeze
  TRACE_LINES_MAX = 100

  class << self
    attr_accessor :request_id, :json_log

    def open
      @input = IO.for_fd(3, "rb")
      @output = IO.for_fd(4, "wb")
      @output.sync = true
      # Whatever the function starts must not hold the line.
      @input.close_on_exec = @output.close_on_exec = true
    end

    def send_frame(header, body = "")
      head = JSON.generate(header).b
      body = body.b
      @output.write([head.bytesize, body.bytesize].pack("NN") + head + body)
    rescue Errno::EPIPE
      exit!(1)
    end

    def receive
      lengths = @input.read(8)
      exit!(0) if lengths.nil? || lengths.bytesize < 8
      head, body = lengths.unpack("NN")
      [JSON.parse(@input.read(head)), body.zero? ? "" : @input.read(body)]
    end

    def log(text)
      send_frame({ kind: "log", timestampMs: Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond) }, text)
    end

    # An error as the invoker sees it.
    def described(error, classification)
      trace = (error.backtrace_locations || []).map(&:to_s).take_while { |line| !line.start_with?(__FILE__) }
      { errorMessage: clean(error.message), errorType: "#{classification}<#{error.class}>", stackTrace: trace.first(TRACE_LINES_MAX) }
    end

    def clean(text)
      text.to_s.encode("UTF-8", invalid: :replace, undef: :replace)
    end

    def log_error(what, result)
      if json_log
        log("#{JSON.generate({ timestamp: timestamp(Time.now), level: "ERROR", message: what, requestId: request_id, **result }.compact)}\n")
      else
        log("#{what}\n#{JSON.generate(result)}\n")
      end
    end

    def timestamp(time)
      time.getutc.strftime("%Y-%m-%dT%H:%M:%S.%LZ")
    end
  end

  # Takes what is printed: each line becomes a log entry, in its place among the others.
  class Printed
    def initialize(stream)
      @stream = stream
      @pending = +""
    end

    def write(*texts)
      texts.sum do |text|
        text = text.to_s
        *lines, @pending = (@pending + text).split("\n", -1)
        lines.each { |line| VirgaRuntime.log("#{line}\n") }
        text.bytesize
      end
    end

    def print(*texts)
      write(*texts)
      nil
    end

    def <<(text)
      write(text)
      self
    end

    def puts(*values)
      return write("\n") && nil if values.empty?

      values.flatten.each { |value| write(value.to_s.end_with?("\n") ? value.to_s : "#{value}\n") }
      nil
    end

    def printf(form, *values)
      write(format(form, *values))
      nil
    end

    def flush
      rest, @pending = @pending, +""
      VirgaRuntime.log(rest) unless rest.empty?
      self
    end

    def respond_to_missing?(name, include_private = false)
      @stream.respond_to?(name, include_private)
    end

    def method_missing(name, *arguments, &block)
      @stream.public_send(name, *arguments, &block)
    end
  end

  # Where the standard library's loggers write: one entry for each message, whatever line feeds it has.
  class Device
    def write(text)
      VirgaRuntime.log(text)
    end

    def close; end
  end

  # Puts every logger that would write to the standard streams on the device, in AWS's form.
  module LoggerForm
    def initialize(device = nil, *arguments, **options)
      own = device.nil? || device.equal?($stdout) || device.equal?($stderr) || device.equal?(STDOUT) || device.equal?(STDERR)
      return super unless own

      level = VirgaRuntime.json_log ? LEVELS[ENV["AWS_LAMBDA_LOG_LEVEL"]] : nil
      options = { level: level, **options } if level
      super(Device.new, *arguments, **options)
      @default_formatter = Form.new
    end
  end

  # Severity, time, request, text: as AWS's runtime writes them.
  class Form
    def call(severity, time, progname, message)
      text = message.is_a?(Exception) ? "#{message.message} (#{message.class})\n#{message.backtrace&.join("\n")}" : plain(message)
      return json(severity, time, progname, message) if VirgaRuntime.json_log

      stamp = time.strftime("%Y-%m-%dT%H:%M:%S.%6N")
      "#{severity[0]}, [#{stamp} ##{Process.pid}] #{severity.rjust(5)} #{VirgaRuntime.request_id} -- #{progname}: #{text}\n"
    end

    private

    def plain(message)
      VirgaRuntime.clean(message.is_a?(String) ? message : message.inspect)
    end

    def json(severity, time, progname, message)
      line = { timestamp: VirgaRuntime.timestamp(time), level: severity, requestId: VirgaRuntime.request_id, logger: progname }
      if message.is_a?(Exception)
        line.update(message: message.message, errorType: message.class.to_s, errorMessage: message.message, stackTrace: message.backtrace || [])
      else
        line[:message] = plain(message)
      end
      "#{JSON.generate(line.compact)}\n"
    end
  end

  # What a handler is given beside its event.
  class Context
    attr_reader :aws_request_id, :invoked_function_arn, :log_group_name, :log_stream_name, :function_name,
                :memory_limit_in_mb, :function_version, :identity, :client_context, :deadline_ms

    def initialize(header)
      @ends = Process.clock_gettime(Process::CLOCK_MONOTONIC, :millisecond) + header["remainingMs"]
      @deadline_ms = Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond) + header["remainingMs"].to_i
      @aws_request_id = header["requestId"]
      @invoked_function_arn = header["invokedArn"]
      @log_group_name = ENV["AWS_LAMBDA_LOG_GROUP_NAME"]
      @log_stream_name = ENV["AWS_LAMBDA_LOG_STREAM_NAME"]
      @function_name = ENV["AWS_LAMBDA_FUNCTION_NAME"]
      @memory_limit_in_mb = ENV["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
      @function_version = ENV["AWS_LAMBDA_FUNCTION_VERSION"]
      @client_context = JSON.parse(header["clientContext"]) if header["clientContext"]
    end

    def get_remaining_time_in_millis
      [(@ends - Process.clock_gettime(Process::CLOCK_MONOTONIC, :millisecond)).to_i, 0].max
    end
  end

  module_function

  # `app.handler`, `lib/app.Module::Class.handler`
  def parse_handler(text)
    parts = text.split(".")
    return parts if parts.length == 2
    return [parts[0], parts[2], parts[1]] if parts.length == 3

    raise ArgumentError, "Invalid handler #{text}, must be of form FILENAME.METHOD or FILENAME.CLASS.METHOD where FILENAME corresponds with " \
                         "an existing Ruby source file FILENAME.rb, CLASS is an optional module/class namespace and METHOD is a callable " \
                         "method. If using CLASS, METHOD must be a class-level method."
  end

  def take_environment(header)
    ENV.replace(header["environment"]) unless header["inherits"]
    VirgaRuntime.json_log = ENV["AWS_LAMBDA_LOG_FORMAT"] == "JSON"
    Gem.clear_paths if defined?(Gem)
    $LOAD_PATH.unshift(header["taskRoot"], *header["path"])
    $stdout = Printed.new($stdout)
    $stderr = Printed.new($stderr)
    require "logger"
    Logger.prepend(LoggerForm)
    Dir.chdir(header["taskRoot"])
  end

  def run(receiver, method, header, body)
    value = receiver.__send__(method, event: JSON.parse(body), context: Context.new(header))
    value.respond_to?(:read) ? value.read : value.to_json
  end

  def memory_kb
    File.read("/proc/self/status")[/^VmHWM:\s+(\d+)/, 1].to_i
  rescue SystemCallError
    0
  end

  def main
    VirgaRuntime.open
    VirgaRuntime.send_frame({ kind: "waiting" })
    header, = VirgaRuntime.receive
    take_environment(header)
    begin
      file, method, within = parse_handler(header["handler"])
      require file
      receiver = within ? Object.const_get(within) : TOPLEVEL_BINDING.receiver
    rescue Exception => error # rubocop:disable Lint/RescueException: a function that cannot be loaded, whatever the reason
      result = VirgaRuntime.described(error, "Init")
      VirgaRuntime.log_error("Init error when loading handler #{header["handler"]}", result)
      VirgaRuntime.send_frame({ kind: "init-error" }, JSON.generate(result))
      loop { VirgaRuntime.receive }
    end
    $stdout.flush
    VirgaRuntime.send_frame({ kind: "ready" })
    loop { invoke(receiver, method, *VirgaRuntime.receive) }
  end

  def invoke(receiver, method, header, body)
    id = VirgaRuntime.request_id = header["requestId"]
    ENV["_X_AMZN_TRACE_ID"] = header["traceId"]
    last = false
    begin
      text = run(receiver, method, header, body)
      kind = "response"
    rescue Exception => error # rubocop:disable Lint/RescueException: reported, and then the process ends, as on AWS
      # What says that the code itself is wrong ends the process.
      last = error.is_a?(NameError) || !error.is_a?(StandardError)
      result = VirgaRuntime.described(error, "Function")
      VirgaRuntime.log_error(last ? "Critical exception from handler" : "Error raised from handler method", result)
      kind = "error"
      text = JSON.generate(result)
    end
    $stdout.flush
    $stderr.flush
    VirgaRuntime.send_frame({ kind: kind, requestId: id, memoryKb: memory_kb, **(last ? { last: true } : {}) }, text)
    exit!(255) if last
  end
end

# AWS makes each call of `puts` one entry.
module Kernel
  def puts(*values)
    VirgaRuntime.log("#{values.flatten.map { |value| VirgaRuntime.clean(value) }.join("\n")}\n")
    nil
  end
end

VirgaRuntime.main
