// How the conversations of this room's tests begin.
#pragma once

#include <vector>

#include "dataplane/smtp/dialogue.h"

namespace postern::smtp {

// To the point where commands come.
inline const std::vector<Turn> kHello = {
    S("220 mx.example ESMTP\r\n"), C("EHLO relay.example\r\n"),
    S("250-mx.example greets relay.example\r\n250-PIPELINING\r\n"
      "250-STARTTLS\r\n250 CHUNKING\r\n")};

inline std::vector<Turn> after_hello(std::vector<Turn> turns) {
  turns.insert(turns.begin(), kHello.begin(), kHello.end());
  return turns;
}

// To the point where message text comes.
inline std::vector<Turn> in_data(std::vector<Turn> turns) {
  turns.insert(turns.begin(), {C("MAIL FROM:<a@x>\r\n"), S("250 2.1.0 Ok\r\n"),
                               C("RCPT TO:<b@y>\r\n"), S("250 2.1.5 Ok\r\n"), C("DATA\r\n"),
                               S("354 End data with <CR><LF>.<CR><LF>\r\n")});
  return after_hello(turns);
}

}  // namespace postern::smtp
