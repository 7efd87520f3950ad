// AUTH exchanges: who logs in and how it goes, and that no password stays.
#include "dataplane/smtp/session.h"

#include <gtest/gtest.h>

#include "dataplane/smtp/testing/conversation.h"

namespace postern::smtp {
namespace {

struct AuthCase {
  const char* name;
  std::vector<Turn> turns;
  const char* user;
};

TEST(Session, learns_who_logs_in) {
  // base64: "test" dGVzdA==, "1234" MTIzNA==, "\0test\01234" AHRlc3QAMTIzNA== (RFC 4954 4.1);
  // "other\0\0pw" b3RoZXIAAHB3; "authz\0test\0pw" YXV0aHoAdGVzdABwdw==.
  const AuthCase cases[] = {
      {"plain, initial", {C("AUTH PLAIN AHRlc3QAMTIzNA==\r\n"), S("235 2.7.0 ok\r\n")}, "test"},
      {"plain, continued",
       {C("AUTH plain\r\n"), S("334 \r\n"), C("AHRlc3QAMTIzNA==\r\n"), S("235 ok\r\n")},
       "test"},
      {"plain, authorization identity",
       {C("AUTH PLAIN YXV0aHoAdGVzdABwdw==\r\n"), S("235 ok\r\n")},
       "test"},
      {"plain, only that", {C("AUTH PLAIN b3RoZXIAAHB3\r\n"), S("235 ok\r\n")}, "other"},
      {"login",
       {C("AUTH LOGIN\r\n"), S("334 VXNlcm5hbWU6\r\n"), C("dGVzdA==\r\n"),
        S("334 UGFzc3dvcmQ6\r\n"), C("MTIzNA==\r\n"), S("235 ok\r\n")},
       "test"},
      {"login, initial",
       {C("AUTH LOGIN dGVzdA==\r\n"), S("334 UGFzc3dvcmQ6\r\n"), C("MTIzNA==\r\n"),
        S("235 ok\r\n")},
       "test"},
      // The example of Google's "XOAUTH2 Mechanism", and one without the end of its name.
      {"xoauth2",
       {C("AUTH XOAUTH2 dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk"
          "52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==\r\n"),
        S("235 ok\r\n")},
       "someuser@example.com"},
      {"xoauth2, of another form", {C("AUTH XOAUTH2 c2VjcmV0\r\n"), S("235 ok\r\n")}, ""},
      {"refused", {C("AUTH PLAIN AHRlc3QAMTIzNA==\r\n"), S("535 5.7.8 no\r\n")}, ""},
      {"not answered", {C("AUTH PLAIN AHRlc3QAMTIzNA==\r\n")}, ""},
      {"cancelled", {C("AUTH LOGIN\r\n"), S("334 x\r\n"), C("*\r\n"), S("501 ok\r\n")}, ""},
      {"another mechanism",
       {C("AUTH CRAM-MD5\r\n"), S("334 PDE+\r\n"), C("dGVzdA==\r\n"), S("235 ok\r\n")},
       ""},
      {"refused, then accepted",
       {C("AUTH LOGIN MTIzNA==\r\n"), S("535 no\r\n"), C("AUTH LOGIN dGVzdA==\r\n"), S("334 x\r\n"),
        C("MTIzNA==\r\n"), S("235 ok\r\n")},
       "test"},
      {"a second one is an error",
       {C("AUTH LOGIN dGVzdA==\r\n"), S("334 x\r\n"), C("MTIzNA==\r\n"), S("235 ok\r\n"),
        C("AUTH LOGIN MTIzNA==\r\n"), S("503 no\r\n")},
       "test"},
  };
  for (const AuthCase& c : cases) {
    for (const size_t length : {SIZE_MAX, size_t{1}}) {
      SCOPED_TRACE(c.name);
      Recorder recorder;
      Dialogue dialogue(&recorder);
      dialogue.play(kHello);
      for (const Turn& turn : c.turns) dialogue.play(turn, [&] { return length; });
      EXPECT_EQ(dialogue.session.auth_user(), c.user);
      EXPECT_EQ(recorder.in_use(), 0u);
      EXPECT_EQ(dialogue.session.anomalies(), 0u);
    }
  }
}

TEST(Session, tells_how_the_login_went) {
  const struct {
    const char* name;
    std::vector<Turn> turns;
    const char* mechanism;
    AuthResult result;
    uint32_t failures;
  } cases[] = {
      {"none", {}, "", AuthResult::kNone, 0},
      {"under way", {C("AUTH LOGIN\r\n"), S("334 x\r\n")}, "LOGIN", AuthResult::kUnanswered, 0},
      {"accepted",
       {C("auth external =\r\n"), S("235 ok\r\n")},
       "EXTERNAL",
       AuthResult::kAccepted,
       0},
      {"refused twice",
       {C("AUTH PLAIN AGEAYg==\r\n"), S("535 5.7.8 no\r\n"), C("AUTH CRAM-MD5\r\n"),
        S("334 PDE+\r\n"), C("eA==\r\n"), S("454 4.7.0 later\r\n")},
       "CRAM-MD5",
       AuthResult::kRefused,
       2},
      {"refused, then accepted",
       {C("AUTH LOGIN AA==\r\n"), S("535 no\r\n"), C("AUTH GSSAPI AA==\r\n"), S("334 \r\n"),
        C("\r\n"), S("235 ok\r\n")},
       "GSSAPI",
       AuthResult::kAccepted,
       1},
      {"cancelled",
       {C("AUTH NTLM\r\n"), S("334 x\r\n"), C("*\r\n"), S("501 5.0.0 ok\r\n")},
       "NTLM",
       AuthResult::kCancelled,
       0},
      {"a mechanism that the server lacks",
       {C("AUTH SCRAM-SHA-256\r\n"), S("504 5.5.4 no\r\n")},
       "SCRAM-SHA-256",
       AuthResult::kRefused,
       0},
      {"what stands in the mechanism's place may be a password",
       {C("AUTH hunter2\r\n"), S("504 no\r\n")},
       "other",
       AuthResult::kRefused,
       0},
      {"a second one is an error",
       {C("AUTH LOGIN AA==\r\n"), S("235 ok\r\n"), C("AUTH PLAIN AA==\r\n"), S("503 no\r\n")},
       "LOGIN",
       AuthResult::kAccepted,
       0},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Recorder recorder;
    Dialogue dialogue(&recorder);
    dialogue.play(kHello);
    dialogue.play(c.turns);
    EXPECT_EQ(dialogue.session.auth().mechanism(), c.mechanism);
    EXPECT_EQ(dialogue.session.auth().result(), c.result);
    EXPECT_EQ(dialogue.session.auth().failures(), c.failures);
  }
}

// Whatever the exchange and wherever it is cut, the password is in no object's memory behind it,
// neither as it was sent nor decoded.
TEST(Session, keeps_no_password_in_memory) {
  // base64 of "hunter2secret", alone and behind "\0bob\0".
  const std::string password = "hunter2secret", coded = "aHVudGVyMnNlY3JldA==";
  const std::string plain = "AGJvYgBodW50ZXIyc2VjcmV0";
  const std::vector<Turn> cases[] = {
      {C("AUTH PLAIN " + plain + "\r\n"), S("235 ok\r\n")},
      {C("AUTH PLAIN " + plain + "\r\n"), S("535 no\r\n")},
      {C("AUTH PLAIN\r\n"), S("334 \r\n"), C(plain + "\r\n"), S("235 ok\r\n")},
      {C("AUTH LOGIN\r\n"), S("334 u\r\n"), C("Ym9i\r\n"), S("334 p\r\n"), C(coded + "\r\n"),
       S("235 ok\r\n")},
      {C("AUTH CRAM-MD5\r\n"), S("334 x\r\n"), C(coded + "\r\n"), S("535 no\r\n")},
      // Not PLAIN's form, the password where the name belongs.
      {C("AUTH PLAIN " + coded + "\r\n"), S("535 no\r\n")},
      {C("AUTH XOAUTH2 " + coded + "\r\n"), S("535 no\r\n")},
      {C("AUTH " + password + "\r\n"), S("504 no\r\n")},
      // The connection ends in the middle of the line.
      {C("AUTH PLAIN " + plain)},
      {C("AUTH LOGIN\r\n"), S("334 u\r\n"), C("Ym9i\r\n"), S("334 p\r\n"), C(coded)},
  };
  for (size_t i = 0; i < std::size(cases); ++i) {
    for (const size_t longest : {SIZE_MAX, size_t{1}, size_t{9}}) {
      SCOPED_TRACE(testing::Message() << "case " << i << ", pieces of " << longest);
      Recorder recorder;
      recorder.transactions_allowed = 1;
      Dialogue dialogue(&recorder);
      dialogue.play(kHello);
      for (const Turn& turn : cases[i]) dialogue.play(turn, [&] { return longest; });
      dialogue.session.close();
      Transaction* used = recorder.take_transaction();
      ASSERT_NE(used, nullptr);
      const auto memory_of = [](const auto& object) {
        return std::string_view(reinterpret_cast<const char*>(&object), sizeof object);
      };
      for (const std::string& text : {password, coded.substr(0, 8), plain.substr(8, 8)}) {
        EXPECT_EQ(memory_of(*used).find(text), std::string_view::npos) << text;
        EXPECT_EQ(memory_of(dialogue.session).find(text), std::string_view::npos) << text;
      }
      recorder.give_transaction(used);
    }
  }
}

// The transaction that held the partial line with the password is used by others later.
TEST(Session, leaves_no_password_behind) {
  Recorder recorder;
  recorder.transactions_allowed = 1;
  Dialogue dialogue(&recorder);
  dialogue.play(kHello);
  dialogue.play({C("AUTH PLAIN AHRlc3QA"), C("MTIzNA==\r\n")});
  Transaction* used = recorder.take_transaction();
  ASSERT_NE(used, nullptr);
  const std::string_view memory(reinterpret_cast<const char*>(used), sizeof *used);
  EXPECT_EQ(memory.find("AHRlc3QA"), memory.npos);
  EXPECT_EQ(memory.find("MTIzNA"), memory.npos);
  recorder.give_transaction(used);
  const std::string_view session(reinterpret_cast<const char*>(&dialogue.session), sizeof(Session));
  EXPECT_EQ(session.find("1234"), session.npos);
  EXPECT_EQ(session.find("MTIz"), session.npos);
}

}  // namespace
}  // namespace postern::smtp
