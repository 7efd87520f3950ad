#include "control/feeds/list_source.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace postern::feeds {
namespace {

using testing::HasSubstr;

// A publisher on this machine.
class ListSourceTest : public testing::Test {
 protected:
  ListSourceTest() {
    server_.Get("/drop.txt", [this](const httplib::Request& request, httplib::Response& response) {
      agent_ = request.get_header_value("User-Agent");
      response.set_content("; list\n192.0.2.0/24 ; SBL1\n", "text/plain");
    });
    server_.Get("/moved", [](const httplib::Request&, httplib::Response& response) {
      response.set_redirect("/drop.txt");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~ListSourceTest() override {
    server_.stop();
    thread_.join();
  }
  std::string url(std::string_view path) const {
    return fmt::format("http://127.0.0.1:{}{}", port_, path);
  }
  std::string error_of(const std::string& source) const {
    const auto list = read_list(source, stop_);
    return list ? "none" : list.error();
  }

  httplib::Server server_;
  std::string agent_;
  std::atomic<bool> stop_ = false;
  int port_ = 0;
  std::thread thread_;
};

TEST_F(ListSourceTest, IsDownloadedWhole) {
  const auto list = read_list(url("/drop.txt"), stop_);
  ASSERT_TRUE(list) << list.error();
  EXPECT_EQ(*list, "; list\n192.0.2.0/24 ; SBL1\n");
  EXPECT_THAT(agent_, testing::StartsWith("Postern/"));
}

TEST_F(ListSourceTest, WhatIsNoListIsAnError) {
  EXPECT_THAT(error_of(url("/gone")), HasSubstr("answers 404"));
  EXPECT_THAT(error_of(url("/moved")), HasSubstr("answers 302: redirects are not followed"));
  EXPECT_THAT(error_of("http://127.0.0.1:1/x"), HasSubstr("http://127.0.0.1:1/x: "));
  EXPECT_THAT(error_of("http://192.0.2.1/x"), HasSubstr("give its https:// address"));
  EXPECT_THAT(error_of("https://"), HasSubstr("is no URL"));
  EXPECT_THAT(error_of("/nowhere/list"), HasSubstr("cannot read /nowhere/list"));
}

TEST_F(ListSourceTest, EndsWhenToldTo) {
  stop_ = true;
  EXPECT_THAT(error_of(url("/drop.txt")), HasSubstr("aborted"));
}

TEST_F(ListSourceTest, AFileIsReadAsItIs) {
  const std::string path = testing::TempDir() + "list_source_test.txt";
  std::ofstream(path) << "192.0.2.7\n";
  EXPECT_EQ(*read_list(path, stop_), "192.0.2.7\n");
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace postern::feeds
