package virga.runtime;

import java.io.DataInputStream;
import java.io.File;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOError;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The Java runtime inside a worker: loads the function's handler and runs one event after another. It speaks frames over two inherited
 * descriptors (channel.ts has the other end and the format): 3 brings `start` and `invoke`, 4 takes `log`, `waiting`, `ready`, `response`, `error` and
 * `init-error`. Runs on every Java from 8 on; compiled on the machine that runs it.
 *
 * @see <a href="https://docs.aws.amazon.com/lambda/latest/dg/java-handler.html">Define Lambda function handler in Java</a>
 */
public final class Bootstrap {
  private static final String CORE = "com.amazonaws.services.lambda.runtime.";
  private static final List<String> LEVELS = Arrays.asList("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL");

  private static DataInputStream input;
  private static OutputStream output;
  private static String requestId;
  private static final boolean JSON_LOG = "JSON".equals(System.getenv("AWS_LAMBDA_LOG_FORMAT"));

  private Bootstrap() {}

  public static void main(String[] arguments) throws Exception {
    input = new DataInputStream(new FileInputStream(descriptor(3)));
    output = new FileOutputStream(descriptor(4));
    System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.out), true, "UTF-8"));
    System.setErr(new PrintStream(new FileOutputStream(FileDescriptor.err), true, "UTF-8"));
    send(header("waiting"), new byte[0]);
    Map<String, Object> start = receive();
    ClassLoader loader = loaderOf((String) start.get("taskRoot"), (List<?>) start.get("path"));
    Thread.currentThread().setContextClassLoader(loader);
    Handler handler = null;
    Handler.Fault fault = null;
    try {
      handler = Handler.find((String) start.get("handler"), loader);
    } catch (Handler.Fault error) {
      fault = error;
    }
    if (fault != null && fault.atInit) {
      logFailure(fault);
      send(header("init-error"), describe(fault));
      for (;;) receive();
    }
    send(header("ready"), new byte[0]);
    for (;;) invoke(handler, fault, loader, receive());
  }

  private static void invoke(Handler handler, Handler.Fault fault, ClassLoader loader, Map<String, Object> invocation) throws IOException {
    requestId = (String) invocation.get("requestId");
    String trace = (String) invocation.get("traceId");
    // Where AWS's X-Ray SDK for Java looks: a process cannot change its own variables.
    if (trace == null) System.clearProperty("com.amazonaws.xray.traceHeader");
    else System.setProperty("com.amazonaws.xray.traceHeader", trace);
    Map<String, Object> answer;
    byte[] payload;
    boolean last = false;
    try {
      if (fault != null) throw fault;
      payload = handler.call((byte[]) invocation.get("body"), contextOf(invocation, loader));
      answer = header("response");
    } catch (Throwable error) {
      last = error instanceof VirtualMachineError || error instanceof IOError;
      logFailure(error);
      payload = describe(error);
      answer = header("error");
    }
    System.out.flush();
    System.err.flush();
    Thread.interrupted();
    answer.put("requestId", requestId);
    answer.put("memoryKb", memoryKb());
    if (last) answer.put("last", true);
    send(answer, payload);
    if (last) Runtime.getRuntime().halt(1);
  }

  // --- the line to the host ----------------------------------------------------------------------------------------------------------------

  private static FileDescriptor descriptor(int number) throws Exception {
    Constructor<FileDescriptor> constructor = FileDescriptor.class.getDeclaredConstructor(int.class);
    constructor.setAccessible(true);
    return constructor.newInstance(number);
  }

  private static Map<String, Object> header(String kind) {
    Map<String, Object> header = new LinkedHashMap<>();
    header.put("kind", kind);
    return header;
  }

  private static synchronized void send(Map<String, Object> header, byte[] body) throws IOException {
    byte[] head;
    try {
      head = Binding.write(header).getBytes(StandardCharsets.UTF_8);
    } catch (Exception error) {
      throw new IOException(error);
    }
    ByteBuffer frame = ByteBuffer.allocate(8 + head.length + body.length);
    frame.putInt(head.length).putInt(body.length).put(head).put(body);
    try {
      output.write(frame.array());
    } catch (IOException error) {
      // The host is gone, and with it every reason to live.
      Runtime.getRuntime().halt(1);
    }
  }

  /** The header's members, and the `body`. */
  @SuppressWarnings("unchecked")
  private static Map<String, Object> receive() {
    try {
      byte[] head = new byte[input.readInt()];
      byte[] body = new byte[input.readInt()];
      input.readFully(head);
      input.readFully(body);
      Map<String, Object> header = (Map<String, Object>) Json.parse(new String(head, StandardCharsets.UTF_8));
      header.put("body", body);
      return header;
    } catch (IOException error) {
      Runtime.getRuntime().halt(0);
      throw new IOError(error);
    }
  }

  // --- the function's classes ----------------------------------------------------------------------------------------------------------------

  /** The package itself, its `lib/*.jar`, and what layers bring. */
  private static ClassLoader loaderOf(String taskRoot, List<?> layers) throws IOException {
    List<URL> places = new ArrayList<>();
    places.add(new File(taskRoot + "/").toURI().toURL());
    addJars(new File(taskRoot, "lib"), places);
    for (Object layer : layers) addJars(new File((String) layer), places);
    return new URLClassLoader(places.toArray(new URL[0]), ClassLoader.getSystemClassLoader());
  }

  private static void addJars(File folder, List<URL> places) throws IOException {
    File[] files = folder.listFiles();
    if (files == null) return;
    Arrays.sort(files);
    for (File file : files) if (file.getName().endsWith(".jar")) places.add(file.toURI().toURL());
  }

  /** @return null without aws-lambda-java-core in the package: then no handler asks for one */
  private static Object contextOf(Map<String, Object> invocation, ClassLoader loader) throws Exception {
    Class<?> type = coreClass("Context", loader);
    if (type == null) return null;
    long endsNanos = System.nanoTime() + (long) (((Number) invocation.get("remainingMs")).doubleValue() * 1e6);
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("getAwsRequestId", invocation.get("requestId"));
    values.put("getInvokedFunctionArn", invocation.get("invokedArn"));
    values.put("getXrayTraceId", invocation.get("traceId"));
    values.put("getLogGroupName", System.getenv("AWS_LAMBDA_LOG_GROUP_NAME"));
    values.put("getLogStreamName", System.getenv("AWS_LAMBDA_LOG_STREAM_NAME"));
    values.put("getFunctionName", System.getenv("AWS_LAMBDA_FUNCTION_NAME"));
    values.put("getFunctionVersion", System.getenv("AWS_LAMBDA_FUNCTION_VERSION"));
    values.put("getMemoryLimitInMB", Integer.valueOf(System.getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")));
    values.put("getClientContext", clientContextOf((String) invocation.get("clientContext"), loader));
    values.put("getLogger", loggerOf(loader));
    Object identity = proxy(coreClass("CognitoIdentity", loader), loader, new LinkedHashMap<String, Object>());
    values.put("getIdentity", identity);
    return Proxy.newProxyInstance(
        loader,
        new Class<?>[] {type},
        (self, method, arguments) ->
            method.getName().equals("getRemainingTimeInMillis")
                ? (Object) Math.max(0, (int) ((endsNanos - System.nanoTime()) / 1_000_000))
                : answer(self, method, arguments, values));
  }

  private static Object clientContextOf(String text, ClassLoader loader) throws Exception {
    if (text == null) return null;
    Map<?, ?> given = (Map<?, ?>) Json.parse(text);
    Map<String, Object> client = new LinkedHashMap<>();
    if (given.get("client") instanceof Map) {
      Map<?, ?> members = (Map<?, ?>) given.get("client");
      client.put("getInstallationId", members.get("installation_id"));
      client.put("getAppTitle", members.get("app_title"));
      client.put("getAppVersionName", members.get("app_version_name"));
      client.put("getAppVersionCode", members.get("app_version_code"));
      client.put("getAppPackageName", members.get("app_package_name"));
    }
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("getClient", proxy(coreClass("Client", loader), loader, client));
    values.put("getCustom", given.get("custom"));
    values.put("getEnvironment", given.get("env"));
    return proxy(coreClass("ClientContext", loader), loader, values);
  }

  private static Class<?> coreClass(String name, ClassLoader loader) {
    try {
      return Class.forName(CORE + name, true, loader);
    } catch (ClassNotFoundException error) {
      return null;
    }
  }

  private static Object proxy(Class<?> type, ClassLoader loader, Map<String, Object> values) {
    if (type == null) return null;
    return Proxy.newProxyInstance(
        loader, new Class<?>[] {type}, (self, method, arguments) -> answer(self, method, arguments, values));
  }

  private static Object answer(Object self, Method method, Object[] arguments, Map<String, Object> values) {
    switch (method.getName()) {
      case "equals":
        return self == arguments[0];
      case "hashCode":
        return System.identityHashCode(self);
      case "toString":
        return values.toString();
      default:
        return values.get(method.getName());
    }
  }

  // --- log -----------------------------------------------------------------------------------------------------------------------------------

  /** `log(String)`, `log(byte[])`, and both with a level. */
  private static Object loggerOf(ClassLoader loader) {
    Class<?> type = coreClass("LambdaLogger", loader);
    if (type == null) return null;
    return Proxy.newProxyInstance(
        loader,
        new Class<?>[] {type},
        (self, method, arguments) -> {
          if (!method.getName().equals("log")) return answer(self, method, arguments, new LinkedHashMap<String, Object>());
          Object given = arguments[0];
          String text = given instanceof byte[] ? new String((byte[]) given, StandardCharsets.UTF_8) : String.valueOf(given);
          logEntry(arguments.length > 1 ? String.valueOf(arguments[1]) : "UNDEFINED", text);
          return null;
        });
  }

  /** With text logs AWS writes no level before it. */
  private static void logFailure(Throwable error) throws IOException {
    logEntry(JSON_LOG ? "ERROR" : "UNDEFINED", reportOf(error));
  }

  private static void logEntry(String level, String text) throws IOException {
    System.out.flush();
    System.err.flush();
    String entry = text;
    if (JSON_LOG) {
      int least = LEVELS.indexOf(String.valueOf(System.getenv("AWS_LAMBDA_LOG_LEVEL")));
      if (LEVELS.contains(level) && LEVELS.indexOf(level) < least) return;
      StringBuilder line = new StringBuilder("{\"timestamp\":\"" + Instant.now() + "\",\"message\":");
      Json.quote(line, text);
      if (LEVELS.contains(level)) line.append(",\"level\":\"").append(level).append('"');
      if (requestId != null) line.append(",\"AWSRequestId\":\"").append(requestId).append('"');
      entry = line.append("}\n").toString();
    } else if (LEVELS.contains(level)) entry = "[" + level + "] " + text;
    Map<String, Object> header = header("log");
    header.put("timestampMs", System.currentTimeMillis());
    send(header, entry.getBytes(StandardCharsets.UTF_8));
  }

  // --- errors as the invoker and the log see them ----------------------------------------------------------------------------------------------

  private static byte[] describe(Throwable error) {
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("errorMessage", error.getMessage());
    String type = error instanceof Handler.Fault ? ((Handler.Fault) error).type : error.getClass().getName();
    if (type != null) result.put("errorType", type);
    if (!(error instanceof Handler.Fault)) {
      traceOf(error);
      List<String> lines = new ArrayList<>();
      for (StackTraceElement element : error.getStackTrace()) lines.add(element.toString());
      result.put("stackTrace", lines);
    }
    try {
      return Binding.write(result).getBytes(StandardCharsets.UTF_8);
    } catch (Exception impossible) {
      throw new AssertionError(impossible);
    }
  }

  private static String reportOf(Throwable error) {
    if (error instanceof Handler.Fault) {
      Handler.Fault fault = (Handler.Fault) error;
      return fault.type == null ? fault.getMessage() + "\n" : fault.getMessage() + ": " + fault.type + "\n" + fault.trace + "\n";
    }
    String message = error.getMessage() == null ? error.getClass().getName() : error.getMessage();
    return message + ": " + error.getClass().getName() + "\n" + traceOf(error) + "\n";
  }

  /** The trace down to where the function's own code begins. */
  static String traceOf(Throwable error) {
    int depth = 0;
    for (Throwable at = error; at != null && depth < 100; at = at.getCause(), depth++) {
      StackTraceElement[] trace = at.getStackTrace();
      int own = 0;
      while (own < trace.length && !trace[own].getClassName().startsWith("virga.runtime.")) own++;
      while (own > 0 && isReflection(trace[own - 1].getClassName())) own--;
      at.setStackTrace(Arrays.copyOf(trace, own));
    }
    StringWriter text = new StringWriter();
    error.printStackTrace(new PrintWriter(text, true));
    return text.toString();
  }

  private static boolean isReflection(String className) {
    return className.startsWith("java.lang.reflect.") || className.startsWith("jdk.internal.reflect.") || className.startsWith("sun.reflect.");
  }

  private static long memoryKb() {
    try {
      for (String line : Files.readAllLines(Paths.get("/proc/self/status")))
        if (line.startsWith("VmHWM:")) return Long.parseLong(line.replaceAll("\\D", ""));
    } catch (IOException | NumberFormatException error) {
      // Not Linux.
    }
    return 0;
  }
}
