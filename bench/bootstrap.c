/* A compiled runtime, as small as it gets: takes events from the Runtime API and answers {"ok":true}. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char host[256], port[16];

/* One request on a connection of its own; the whole answer ends up in `answer`. */
static void ask(const char *request, char *answer, size_t size) {
  struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
  if (getaddrinfo(host, port, &hints, &found)) exit(1);
  int fd = socket(found->ai_family, SOCK_STREAM, 0);
  if (connect(fd, found->ai_addr, found->ai_addrlen)) exit(1);
  freeaddrinfo(found);
  if (write(fd, request, strlen(request)) < 0) exit(1);
  size_t length = 0;
  for (ssize_t got; length + 1 < size && (got = read(fd, answer + length, size - 1 - length)) > 0;) length += got;
  answer[length] = 0;
  close(fd);
}

int main(void) {
  static char answer[1 << 16], request[1024];
  if (sscanf(getenv("AWS_LAMBDA_RUNTIME_API"), "%255[^:]:%15s", host, port) != 2) return 1;
  for (;;) {
    snprintf(request, sizeof request, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: %s:%s\r\nConnection: close\r\n\r\n", host, port);
    ask(request, answer, sizeof answer);
    char id[128], *header = strcasestr(answer, "lambda-runtime-aws-request-id: ");
    if (!header || sscanf(header + 31, "%127[^\r]", id) != 1) return 1;
    snprintf(request, sizeof request,
             "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: %s:%s\r\nConnection: close\r\nContent-Length: 11\r\n\r\n{\"ok\":true}", id, host, port);
    ask(request, answer, sizeof answer);
  }
}
