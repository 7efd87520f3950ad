#include "control/notify/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace postern::notify {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class SettingsTest : public testing::Test {
 protected:
  SettingsTest() {
    std::string name = testing::TempDir() + "postern-notify-XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~SettingsTest() override { std::filesystem::remove_all(directory_); }

  static std::expected<Settings, std::string> read(const std::string& toml) {
    const auto config = parse_config("[notify]\n" + toml, "test.toml", config_keys());
    if (!config) return std::unexpected(config.error());
    return read_settings(*config);
  }
  std::filesystem::path write(const std::string& name, const std::string& text,
                              mode_t mode = 0600) {
    std::ofstream(directory_ / name) << text;
    chmod((directory_ / name).c_str(), mode);
    return directory_ / name;
  }

  std::filesystem::path directory_;
};

TEST_F(SettingsTest, HaveDefaultsThatNeedNothing) {
  const auto settings = read("");
  ASSERT_TRUE(settings) << settings.error();
  EXPECT_EQ(settings->spool, "/var/spool/postern/outgoing");
  EXPECT_EQ(settings->give_up_after_s, 5u * 24 * 3600);
  EXPECT_TRUE(settings->redact_recipients);
  EXPECT_TRUE(settings->from.starts_with("postern@"));
}

TEST_F(SettingsTest, SayWhatIsWrong) {
  EXPECT_THAT(read("operator = ['anna']").error(), HasSubstr("notify.operator: 'anna'"));
  EXPECT_THAT(read("from = 'a b@c'").error(), HasSubstr("notify.from"));
  EXPECT_THAT(read("spool = 'here'").error(), HasSubstr("notify.spool"));
  EXPECT_THAT(read("submission = 'mail.example'").error(), HasSubstr("smtp://HOST:PORT"));
  EXPECT_THAT(read("submission = 'smtp://u:p@mail.example'").error(),
              HasSubstr("smtp://HOST:PORT"));
  EXPECT_THAT(read("submission = 'https://mail.example'").error(), HasSubstr("smtp://HOST:PORT"));
  EXPECT_THAT(read("templates = '/nowhere'").error(), HasSubstr("/nowhere"));
  EXPECT_THAT(read("ca_file = '/nowhere'").error(), HasSubstr("notify.ca_file"));
}

TEST_F(SettingsTest, AskForTlsUnlessTheServerIsThisMachine) {
  EXPECT_TRUE(read("submission = 'smtp://mail.example:587'")->submission.tls);
  EXPECT_TRUE(read("submission = 'smtps://127.0.0.1:465'")->submission.tls);
  EXPECT_FALSE(read("submission = 'smtp://127.0.0.1:25'")->submission.tls);
  EXPECT_FALSE(read("submission = 'smtp://[::1]'")->submission.tls);
}

TEST_F(SettingsTest, TakeCredentialsThatNobodyElseReads) {
  const std::string server = "submission = 'smtp://mail.example'\nsubmission_credentials = '";
  const auto good = read(server + write("good", "bob\r\nse cret\n").string() + "'");
  ASSERT_TRUE(good) << good.error();
  EXPECT_EQ(good->submission.user, "bob");
  EXPECT_EQ(good->submission.password, "se cret");
  EXPECT_THAT(read(server + write("open", "bob\nx\n", 0644).string() + "'").error(),
              HasSubstr("chmod 640"));
  EXPECT_THAT(read(server + write("short", "bob\n").string() + "'").error(),
              HasSubstr("two lines"));
  EXPECT_THAT(read(server + "/nowhere'").error(), HasSubstr("cannot read"));
}

TEST_F(SettingsTest, TemplatesOfTheOperatorComeFirst) {
  write("opened.de.txt",
        "Subject: Fall {{case}}\n\nGuten Tag {{ contact }}\n\nRegeln:\n{{rules}}\n\nEnde\n");
  const auto settings = read("templates = '" + directory_.string() + "'");
  ASSERT_TRUE(settings) << settings.error();
  const Template& german = settings->templates.find("opened", "de-AT");
  EXPECT_EQ(german.subject, "Fall {{case}}");
  EXPECT_NE(settings->templates.find("opened", "en").subject, german.subject);
  EXPECT_THAT(settings->templates.find("closed", "de").subject, HasSubstr("closed"));

  // A paragraph with an empty placeholder goes; what is filled in is not looked at again.
  const auto filled = fill(german, {{"case", "{{url}}"}, {"contact", "Anna"}, {"url", "x"}});
  EXPECT_EQ(filled.subject, "Fall {{url}}");
  EXPECT_EQ(filled.body, "Guten Tag Anna\n\nEnde\n");
  EXPECT_EQ(fill(german, {{"contact", "A"}, {"rules", "R"}}).body,
            "Guten Tag A\n\nRegeln:\nR\n\nEnde\n");
}

TEST_F(SettingsTest, BrokenTemplatesAreToldAllAtOnce) {
  write("opened.en.txt", "Subject: x\n\nDear {{name}}\n");
  write("closed.en.txt", "Hello\n");
  write("opning.en.txt", "Subject: x\n\ny\n");
  write("widened.en.txt", "Subject: x\n\n{{case\n}}\n");
  write("readme.md", "not one of them");
  const auto settings = read("templates = '" + directory_.string() + "'");
  ASSERT_FALSE(settings);
  EXPECT_THAT(settings.error(),
              AllOf(HasSubstr("opened.en.txt:3: no placeholder is called 'name'; there are case,"),
                    HasSubstr("closed.en.txt:1: the first line must be"),
                    HasSubstr("opning.en.txt: a template is called WHAT.LANGUAGE.txt"),
                    HasSubstr("widened.en.txt:3: a {{ that")));
}

}  // namespace
}  // namespace postern::notify
