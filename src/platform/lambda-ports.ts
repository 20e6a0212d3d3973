/** What the Lambda service needs of the machine. */
import { notImplemented } from "../kernel/errors.ts";
import type { FunctionHost, LambdaPorts } from "../services/lambda/ports.ts";
import { createFolders } from "./folders.ts";

/** Runs nothing, and says so of every runtime. */
const noHost: FunctionHost = {
  async invoke() {
    throw notImplemented("running functions");
  },
  expect() {},
  retire() {},
  runtime: () => ({ available: false, remedy: "This build of Virga runs no functions." }),
  async close() {},
};

export function lambdaPorts(endpoint: () => string): LambdaPorts {
  const folders = createFolders();
  const refuse = async (): Promise<never> => {
    throw notImplemented("deployment packages");
  };
  return {
    openHost: () => noHost,
    packages: { unpack: refuse, zip: refuse, async keep() {} },
    folders,
    workerEndpoint: () => endpoint().replace("//localhost:", "//127.0.0.1:"),
  };
}
