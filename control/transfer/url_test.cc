#include "control/transfer/url.h"

#include <gtest/gtest.h>

namespace postern::transfer {
namespace {

TEST(Urls, TellWhereTheyLead) {
  EXPECT_EQ(read_url("HTTPS://u:p@Hook.example:8443/a?token=s#f")->without_secrets,
            "https://hook.example:8443/a");
  EXPECT_TRUE(read_url("http://127.0.0.9:80/")->is_loopback);
  EXPECT_TRUE(read_url("http://[::1]/")->is_loopback);
  EXPECT_TRUE(read_url("http://localhost/")->is_loopback);
  EXPECT_FALSE(read_url("http://127.0.0.1.example/")->is_loopback);
  EXPECT_FALSE(read_url("http://192.0.2.1/")->is_loopback);
  for (const char* bad :
       {"", "hook.example", "anna@example.com", "http://", "https://a b/", "https://a\r\nb/"})
    EXPECT_FALSE(read_url(bad)) << bad;
}

}  // namespace
}  // namespace postern::transfer
