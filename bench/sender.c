/* sender INTERFACE ADDRESS PACKETS_PER_SECOND SECONDS: UDP datagrams of 64 bytes to port 9, evenly in bursts of 32; says how many went out.
 * Binds to the interface, and is meant for a network namespace of its own. At most 60 s. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BURST = 32, BYTES = 64 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  if (s < 0 || setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, argv[1], strlen(argv[1]))) { perror("socket"); return 1; }
  int room = 8 << 20;
  setsockopt(s, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
  if (inet_pton(AF_INET, argv[2], &to.sin_addr) != 1) return 2;
  double rate = atof(argv[3]), seconds = atof(argv[4]);
  if (seconds > 60) seconds = 60;
  static char data[BYTES];
  struct iovec part = {data, BYTES};
  struct mmsghdr messages[BURST];
  memset(messages, 0, sizeof messages);
  for (int i = 0; i < BURST; i++) messages[i].msg_hdr = (struct msghdr){.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &part, .msg_iovlen = 1};
  double begun = now(), t;
  long sent = 0;
  while ((t = now() - begun) < seconds) {
    double ahead = sent / rate - t;
    if (ahead > 0) {
      struct timespec wait = {0, (long)(ahead * 1e9)};
      if (ahead > 5e-5) nanosleep(&wait, 0);
      continue;
    }
    int n = sendmmsg(s, messages, BURST, 0);
    if (n > 0) sent += n;
  }
  printf("%ld %.3f\n", sent, now() - begun);
  return 0;
}
