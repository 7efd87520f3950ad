// What clients write, and how it is told. The lines are those that the programs named send.
#include "dataplane/smtp/dialect.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace postern::smtp {
namespace {

std::string dialect_of(const std::vector<std::string_view>& lines, bool ended_by_crlf = true) {
  Dialect dialect;
  for (const std::string_view line : lines) dialect.note(line, ended_by_crlf);
  std::array<char, Dialect::kTextBytes> text;
  return std::string(dialect.text(text));
}

TEST(Dialect, tells_clients_apart) {
  const struct {
    const char* name;
    std::vector<std::string_view> lines;
    const char* text;
  } cases[] = {
      {"nothing said", {}, ""},
      {"Postfix",
       {"EHLO mail.example.com", "MAIL FROM:<a@x> SIZE=500 BODY=8BITMIME",
        "RCPT TO:<b@y> ORCPT=rfc822;b@y", "RCPT TO:<c@y>", "DATA", "QUIT"},
       "EHLO fqdn,MAIL FROM:<>+sb,RCPT TO:<>+o,DATA,QUIT"},
      {"sendmail",
       {"EHLO mail.example.com", "MAIL From:<a@x> SIZE=500", "RCPT To:<b@y>", "DATA", "QUIT"},
       "EHLO fqdn,MAIL From:<>+s,RCPT To:<>,DATA,QUIT"},
      {"a bot",
       {"helo 192.0.2.1", "mail from: <a@x>", "rcpt to: <b@y>", "data"},
       "helo ip,mail from: <>,rcpt to: <>,data"},
      {"another",
       {"Helo ylmf-pc", "MAIL FROM:a@x", "Rcpt TO: b@y"},
       "Helo name,MAIL FROM:-,Rcpt TO:-"},
      {"literals and no name at all", {"EHLO [192.0.2.1]", "HELO"}, "EHLO literal,HELO"},
      {"each verb once, in its first spelling",
       {"NOOP", "noop", "RSET", "NOOP", "rset"},
       "NOOP,RSET"},
      {"parameters: the first four, in their order",
       {"MAIL FROM:<a@x> auth=<> SMTPUTF8 X=1 RET=FULL ENVID=1", "RCPT TO:<b@y> NOTIFY=NEVER Z"},
       "MAIL FROM:<>+auxr,RCPT TO:<>+nx"},
      {"what is none of SMTP's",
       {"GET / HTTP/1.1", "", "HELP", "EXPN a", "XCLIENT A=b"},
       "?,-,OTHER,XCLIENT"},
      {"blanks around", {" NOOP", "RSET ", "DATA"}, "NOOP~,RSET~,DATA"},
      {"no FROM:", {"MAIL <a@x>", "RCPT"}, "MAIL FROM:-,RCPT TO:-"},
      {"no more than fits",
       {"EHLO a.b", "STARTTLS", "AUTH PLAIN x", "MAIL FROM:<a@x>", "RCPT TO:<a@x>", "BDAT 1",
        "DATA", "RSET", "VRFY x"},
       "EHLO fqdn,STARTTLS,AUTH,MAIL FROM:<>,RCPT TO:<>,BDAT,DATA,RSET,V"},
  };
  for (const auto& c : cases) EXPECT_EQ(dialect_of(c.lines), c.text) << c.name;
  EXPECT_EQ(dialect_of({"HELO a", "QUIT"}, false), "HELO name!,QUIT!");
}

}  // namespace
}  // namespace postern::smtp
