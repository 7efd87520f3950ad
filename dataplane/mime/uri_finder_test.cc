#include "dataplane/mime/uri_finder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace postern::mime {
namespace {

using Uris = std::vector<std::string>;

Uris find(std::string_view text) {
  UriFinder finder;
  finder.begin(text);
  Uris uris;
  for (std::string_view uri = finder.next(); !uri.empty(); uri = finder.next()) {
    uris.emplace_back(uri);
  }
  return uris;
}

TEST(UriFinder, Schemes) {
  EXPECT_EQ(find("see http://a.example/x, HTTPS://b.example or ftp://c.example/f"),
            (Uris{"http://a.example/x", "HTTPS://b.example", "ftp://c.example/f"}));
  EXPECT_EQ(find("mailto:a@b.example?subject=x mailto:nobody"),
            (Uris{"mailto:a@b.example?subject=x"}));
}

TEST(UriFinder, BareHosts) {
  EXPECT_EQ(find("www.a.example/b www2.c.example. ftp.d.example"),
            (Uris{"http://www.a.example/b", "http://www2.c.example", "ftp://ftp.d.example"}));
  EXPECT_EQ(find("www. wwwx.a.example awww.a.example"), Uris{});
}

TEST(UriFinder, Ends) {
  EXPECT_EQ(
      find("<http://a.example/> \"http://b.example\" [http://c.example] {http://d.example}"),
      (Uris{"http://a.example/", "http://b.example", "http://c.example", "http://d.example"}));
  EXPECT_EQ(find("(see http://a.example/b). http://c.example/d_(e)f!"),
            (Uris{"http://a.example/b", "http://c.example/d_(e)f"}));
  EXPECT_EQ(find("http://a.example/;:?!..."), (Uris{"http://a.example/"}));
  EXPECT_EQ(find("http://a.example\u00a0x"), (Uris{"http://a.example"}));
}

TEST(UriFinder, BareAddresses) {
  EXPECT_EQ(find("write to a.b@c.example, <d@e.example> (f@g.example)."),
            (Uris{"mailto:a.b@c.example", "mailto:d@e.example", "mailto:f@g.example"}));
  EXPECT_EQ(find("Email:h@i.example?subject=x"), (Uris{"mailto:h@i.example?subject=x"}));
  EXPECT_EQ(find("Vi@gra a@b @c.example d@ e@f.1 @@ a@.com"), Uris{});
  EXPECT_EQ(find("http://user@a.example/x@y.example"), (Uris{"http://user@a.example/x@y.example"}));
}

TEST(UriFinder, Nothing) {
  EXPECT_EQ(find("http:// https://, xhttp://a.example and so on"), Uris{});
  EXPECT_EQ(find(""), Uris{});
}

// What is looked at sixteen octets at a time must not be missed at any place.
TEST(UriFinder, AtEveryPlace) {
  const std::pair<std::string, std::string> written[] = {
      {"http://a.example/x", "http://a.example/x"},
      {"hTTps://b.example", "hTTps://b.example"},
      {"FTP://c.example/", "FTP://c.example/"},
      {"mailto:a@b.example", "mailto:a@b.example"},
      {"WwW.d.example", "http://WwW.d.example"},
      {"fTp.e.example", "ftp://fTp.e.example"},
      {"someone@f.example", "mailto:someone@f.example"}};
  for (const auto& [text, uri] : written) {
    for (size_t before = 0; before < 40; ++before) {
      for (size_t after = 0; after < 20; ++after) {
        // Words with the letters that may begin a URI, and none of its signs.
        std::string filler;
        while (filler.size() < 40) filler += "who wants half from me ";
        EXPECT_EQ(find(filler.substr(0, before) + " " + text + " " + filler.substr(0, after)),
                  Uris{uri})
            << before << " octets before, " << after << " behind";
      }
    }
  }
}

TEST(UriFinder, OneBehindTheOther) {
  EXPECT_EQ(find("http://a.example,http://b.example"), (Uris{"http://a.example,http://b.example"}));
  EXPECT_EQ(find("http://a.example>www.b.example"),
            (Uris{"http://a.example", "http://www.b.example"}));
}

}  // namespace
}  // namespace postern::mime
