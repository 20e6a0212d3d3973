// A .NET runtime, as small as it gets: takes events from the Runtime API and answers {"ok":true}.
using System;
using System.IO;
using System.Net;
using System.Text;

class Program {
  static void Main() {
    var api = "http://" + Environment.GetEnvironmentVariable("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/";
    var answer = Encoding.UTF8.GetBytes("{\"ok\":true}");
    for (;;) {
      var next = (HttpWebRequest)WebRequest.Create(api + "next");
      next.Timeout = -1;
      string id;
      using (var response = next.GetResponse()) {
        id = response.Headers["Lambda-Runtime-Aws-Request-Id"];
        new StreamReader(response.GetResponseStream()).ReadToEnd();
      }
      var post = (HttpWebRequest)WebRequest.Create(api + id + "/response");
      post.Method = "POST";
      post.ContentLength = answer.Length;
      using (var body = post.GetRequestStream()) body.Write(answer, 0, answer.Length);
      using (var response = post.GetResponse()) new StreamReader(response.GetResponseStream()).ReadToEnd();
    }
  }
}
