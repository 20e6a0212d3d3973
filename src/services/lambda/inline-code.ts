/**
 * Code that stands in a template itself (`Code.ZipFile` of AWS::Lambda::Function): the file it becomes, and the helper module that
 * CloudFormation puts beside it, with which custom resources answer.
 *
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-lambda-function-code-cfnresponsemodule.html
 */
import { invalidParameterValue } from "./errors.ts";

const SOURCE_BYTES_MAX = 4 * 1024 * 1024;

/** The files of a package made from source text. @throws InvalidParameterValueException */
export function inlineFiles(runtime: string, source: string): Record<string, string> {
  if (Buffer.byteLength(source) > SOURCE_BYTES_MAX) {
    throw invalidParameterValue(`Inline code must be smaller than ${SOURCE_BYTES_MAX} bytes`);
  }
  if (runtime.startsWith("nodejs")) return { "index.js": source, "cfn-response.js": NODE_MODULE };
  if (runtime.startsWith("python")) return { "index.py": source, "cfnresponse.py": PYTHON_MODULE };
  throw invalidParameterValue(
    `ZipFile can only be used when Runtime is set to a Node.js or Python runtime, not ${runtime}.`,
  );
}

const NODE_MODULE = `"use strict";
exports.SUCCESS = "SUCCESS";
exports.FAILED = "FAILED";

exports.send = function send(event, context, responseStatus, responseData, physicalResourceId, noEcho) {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify({
      Status: responseStatus,
      Reason: "See the details in CloudWatch Log Stream: " + context.logStreamName,
      PhysicalResourceId: physicalResourceId || context.logStreamName,
      StackId: event.StackId,
      RequestId: event.RequestId,
      LogicalResourceId: event.LogicalResourceId,
      NoEcho: noEcho || false,
      Data: responseData,
    });
    const url = new URL(event.ResponseURL);
    const client = require(url.protocol === "http:" ? "http" : "https");
    const headers = { "content-type": "", "content-length": Buffer.byteLength(body) };
    const request = client.request(url, { method: "PUT", headers }, (response) => {
      response.resume();
      response.on("end", () => {
        context.done();
        resolve();
      });
    });
    request.on("error", (error) => {
      console.log("The answer could not be sent: " + error);
      context.done();
      reject(error);
    });
    request.end(body);
  });
};
`;

const PYTHON_MODULE = `import json
import urllib.request

SUCCESS = "SUCCESS"
FAILED = "FAILED"


def send(event, context, responseStatus, responseData, physicalResourceId=None, noEcho=False, reason=None):
    body = json.dumps({
        "Status": responseStatus,
        "Reason": reason or "See the details in CloudWatch Log Stream: {}".format(context.log_stream_name),
        "PhysicalResourceId": physicalResourceId or context.log_stream_name,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "NoEcho": noEcho,
        "Data": responseData,
    }).encode("utf-8")
    request = urllib.request.Request(event["ResponseURL"], data=body, method="PUT", headers={"content-type": ""})
    try:
        with urllib.request.urlopen(request) as response:
            response.read()
    except Exception as error:
        print("The answer could not be sent:", error)
`;
