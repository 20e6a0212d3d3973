/**
 * The variables that a function finds, as AWS sets them.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
 */
import type { FunctionCredentials, FunctionSpec } from "./host.ts";
import type { Runtime } from "./runtimes/search.ts";

/** Where a worker finds its things. Inside a sandbox these are AWS's own paths. */
export interface Places {
  /** The function's code. */
  readonly task: string;
  /** The merged layers. */
  readonly opt: string;
  readonly runtime: string;
  /** `node_modules` with the SDK. */
  readonly sdk: string;
}

export const SANDBOX_PLACES: Places = {
  task: "/var/task",
  opt: "/opt",
  runtime: "/var/runtime",
  sdk: "/var/runtime/node_modules",
};

/** Variables that act when a program is loaded, so that a worker which is already running cannot take them any more. */
const AT_START =
  /^(?:NODE_OPTIONS|NODE_EXTRA_CA_CERTS|NODE_ICU_DATA|UV_THREADPOOL_SIZE|OPENSSL_.*|SSL_CERT_.*|LD_.*|GLIBC_.*|MALLOC_.*|PYTHON.*|RUBY.*|GEM_.*|AWS_LAMBDA_EXEC_WRAPPER)$/;

/** What SAM sets for bundled functions; a running Node can still turn it on. */
const isForSourceMaps = (name: string, value: string): boolean =>
  name === "NODE_OPTIONS" && value.trim() === "--enable-source-maps";

/** Whether a worker that was started before its function was known can serve it. */
export function needsOwnStart(environment: Readonly<Record<string, string>>): boolean {
  return Object.entries(environment).some(([name, value]) => AT_START.test(name) && !isForSourceMaps(name, value));
}

/** What is the same for every function of a runtime. */
export function runtimeEnvironment(runtime: Runtime, places: Places): Record<string, string> {
  const { opt, task } = places;
  const environment: Record<string, string> = {
    LANG: "en_US.UTF-8",
    TZ: ":UTC",
    PATH: `/var/lang/bin:/usr/local/bin:/usr/bin:/bin:${opt}/bin`,
    LD_LIBRARY_PATH: `/var/lang/lib:/lib64:/usr/lib64:${places.runtime}:${places.runtime}/lib:${task}:${task}/lib:${opt}/lib`,
  };
  if (runtime.family === "nodejs") {
    const major = /\d+/.exec(runtime.name)![0];
    environment.NODE_PATH = [
      `${opt}/nodejs/node${major}/node_modules`,
      `${opt}/nodejs/node_modules`,
      places.sdk,
      places.runtime,
      task,
    ].join(":");
  }
  if (runtime.family === "python") environment.PYTHONPATH = places.runtime;
  if (runtime.family === "ruby") {
    environment.GEM_PATH = `${task}/vendor/bundle/ruby/${runtime.version}:${opt}/ruby/gems/${runtime.version}`;
    environment.RUBYLIB = `${task}:${opt}/ruby/lib`;
  }
  return environment;
}

export type InitializationType = "on-demand" | "provisioned-concurrency";

/** Everything: AWS's variables, then the function's own, which AWS lets override what it does not reserve. */
export function functionEnvironment(
  spec: FunctionSpec,
  runtime: Runtime,
  places: Places,
  logStream: string,
  credentials: FunctionCredentials,
  initialization: InitializationType,
): Record<string, string> {
  return {
    ...runtimeEnvironment(runtime, places),
    AWS_XRAY_CONTEXT_MISSING: "LOG_ERROR",
    ...spec.environment,
    ...(runtime.family !== "provided" && { AWS_EXECUTION_ENV: `AWS_Lambda_${runtime.name}` }),
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_SESSION_TOKEN: credentials.sessionToken,
    AWS_REGION: spec.region,
    AWS_DEFAULT_REGION: spec.region,
    AWS_LAMBDA_FUNCTION_NAME: spec.functionName,
    AWS_LAMBDA_FUNCTION_VERSION: spec.version,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(spec.memoryMb),
    AWS_LAMBDA_LOG_GROUP_NAME: spec.logGroup,
    AWS_LAMBDA_LOG_STREAM_NAME: logStream,
    AWS_LAMBDA_INITIALIZATION_TYPE: initialization,
    ...(spec.logFormat === "JSON" && {
      AWS_LAMBDA_LOG_FORMAT: "JSON",
      AWS_LAMBDA_LOG_LEVEL: spec.applicationLogLevel ?? "INFO",
    }),
    LAMBDA_TASK_ROOT: places.task,
    LAMBDA_RUNTIME_DIR: places.runtime,
    _HANDLER: spec.handler,
  };
}

/** Where a runtime of ours looks after the function's own folder. */
export function searchPath(runtime: Runtime, places: Places, environment: Readonly<Record<string, string>>): string[] {
  if (runtime.family === "ruby") return [`${places.opt}/ruby/lib`];
  if (runtime.family === "java") return [`${places.opt}/java/lib`];
  if (runtime.family !== "python") return [];
  const own =
    environment["PYTHONPATH"]?.split(":").filter((folder) => folder !== "" && folder !== places.runtime) ?? [];
  return [`${places.opt}/python/lib/${runtime.name}/site-packages`, `${places.opt}/python`, ...own];
}
