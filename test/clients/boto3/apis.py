"""API Gateway: a REST API and an HTTP API, in front of a function and of a queue."""
import json

from here import ACCOUNT, REGION, ROLE, client, fetch, refused, zipped

SOURCE = """
export const handler = async (event) => ({
  statusCode: 200,
  headers: { "x-version": event.version ?? "none" },
  body: JSON.stringify({ path: event.path ?? event.rawPath, query: event.queryStringParameters ?? null, body: event.body ?? null }),
});
"""


def function(name):
    return client("lambda").create_function(
        FunctionName=name, Runtime="nodejs24.x", Role=ROLE, Handler="index.handler", Code={"ZipFile": zipped(index__mjs=SOURCE)}
    )["FunctionArn"]


def test_a_rest_api_calls_a_function_and_a_queue():
    api, queue = client("apigateway"), client("sqs").create_queue(QueueName="boto-rest")["QueueUrl"]
    arn = function("boto-rest")
    rest = api.create_rest_api(name="boto-rest")["id"]
    root = api.get_resources(restApiId=rest)["items"][0]["id"]
    at = {"restApiId": rest, "resourceId": api.create_resource(restApiId=rest, parentId=root, pathPart="{proxy+}")["id"]}
    api.put_method(**at, httpMethod="ANY", authorizationType="NONE")
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"
    api.put_integration(**at, httpMethod="ANY", type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    client("lambda").add_permission(
        FunctionName="boto-rest",
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{rest}/*",
    )
    sends = {"restApiId": rest, "resourceId": api.create_resource(restApiId=rest, parentId=root, pathPart="send")["id"]}
    api.put_method(**sends, httpMethod="POST", authorizationType="NONE")
    api.put_integration(
        **sends,
        httpMethod="POST",
        type="AWS",
        integrationHttpMethod="POST",
        uri=f"arn:aws:apigateway:{REGION}:sqs:path/{ACCOUNT}/boto-rest",
        credentials=ROLE,
        requestParameters={"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"},
        requestTemplates={"application/json": "Action=SendMessage&MessageBody=$util.urlEncode($input.json('$.text'))"},
        passthroughBehavior="NEVER",
    )
    api.put_method_response(**sends, httpMethod="POST", statusCode="200")
    api.put_integration_response(
        **sends, httpMethod="POST", statusCode="200", responseTemplates={"application/json": '{"ok": true}'}
    )
    api.create_deployment(restApiId=rest, stageName="v1")
    base = f"{api.meta.endpoint_url}/_aws/execute-api/{rest}/v1"
    status, _, body = fetch(f"{base}/a/b?q=1", b"in", "POST", {"Content-Type": "text/plain"})
    assert (status, json.loads(body)) == (200, {"path": "/a/b", "query": {"q": "1"}, "body": "in"})
    status, _, body = fetch(f"{base}/send", b'{"text": "by template"}', "POST", {"Content-Type": "application/json"})
    assert (status, json.loads(body)) == (200, {"ok": True})
    (message,) = client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    assert message["Body"] == '"by template"'
    assert fetch(f"{base}/send", b"<x/>", "POST", {"Content-Type": "text/xml"})[0] == 415
    assert fetch(base.replace("/v1", "/none") + "/a")[0] == 403
    assert {"/", "/send", "/{proxy+}"} == set(
        api.get_paginator("get_resources").paginate(restApiId=rest, PaginationConfig={"PageSize": 1}).search("items[].path")
    )
    refused("NotFoundException", api.get_rest_api, restApiId="none")
    refused("ConflictException", api.create_resource, restApiId=rest, parentId=root, pathPart="send")
    api.delete_rest_api(restApiId=rest)
    refused("NotFoundException", api.get_rest_api, restApiId=rest)


def test_an_http_api_calls_a_function():
    api = client("apigatewayv2")
    arn = function("boto-http")
    made = api.create_api(
        Name="boto-http", ProtocolType="HTTP", Target=arn, CorsConfiguration={"AllowOrigins": ["https://example.com"]}
    )
    client("lambda").add_permission(
        FunctionName="boto-http", StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
    )
    base = f"{api.meta.endpoint_url}/_aws/execute-api/{made['ApiId']}"
    status, headers, body = fetch(f"{base}/x?q=1&q=2", headers={"Origin": "https://example.com"})
    assert (status, headers["x-version"]) == (200, "2.0")
    assert headers["Access-Control-Allow-Origin"] == "https://example.com"
    assert json.loads(body) == {"path": "/x", "query": {"q": "1,2"}, "body": None}
    (stage,) = api.get_stages(ApiId=made["ApiId"])["Items"]
    assert (stage["StageName"], stage["AutoDeploy"]) == ("$default", True)
    assert [route["RouteKey"] for route in api.get_routes(ApiId=made["ApiId"])["Items"]] == ["$default"]
    refused("NotFoundException", api.get_api, ApiId="none")
    refused("BadRequestException", api.create_api, Name="x", ProtocolType="OTHER")
    ids = api.get_paginator("get_apis").paginate(PaginationConfig={"PageSize": 1}).search("Items[].ApiId")
    assert made["ApiId"] in list(ids)
    api.delete_api(ApiId=made["ApiId"])
