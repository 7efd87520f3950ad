#include "dataplane/mime/content_type.h"

#include <gtest/gtest.h>

#include <string>

namespace postern::mime {
namespace {

class ContentFieldsTest : public testing::Test {
 protected:
  void SetUp() override { fields.begin(); }
  ConverterCache converters;
  ContentFields fields{&converters};
};

TEST_F(ContentFieldsTest, Nothing) {
  EXPECT_EQ(fields.type(), "");
  EXPECT_EQ(fields.charset(), "");
  EXPECT_EQ(fields.file_name(), "");
  EXPECT_EQ(fields.encoding(), TransferEncoding::kIdentity);
}

TEST_F(ContentFieldsTest, Usual) {
  fields.field("Content-Type", "Text/HTML; charset=\"UTF-8\"; name=a.txt");
  EXPECT_EQ(fields.type(), "text/html");
  EXPECT_EQ(fields.charset(), "utf-8");
  EXPECT_EQ(fields.file_name(), "a.txt");
}

TEST_F(ContentFieldsTest, Boundaries) {
  fields.field("content-type", "multipart/mixed;\n\tboundary=\"=_a b\\\"c\"");
  EXPECT_EQ(fields.boundary(), "=_a b\"c");
  fields.field("content-type", "multipart/mixed; BOUNDARY = simple; x=y");
  EXPECT_EQ(fields.boundary(), "simple");
  fields.field("content-type", "multipart/mixed; boundary=\"open");
  EXPECT_EQ(fields.boundary(), "open");
  fields.field("content-type", "multipart/mixed boundary=nosemicolon");
  EXPECT_EQ(fields.boundary(), "nosemicolon");
  fields.field("content-type", "multipart/mixed; boundary*0=\"ab\"; boundary*1=cd");
  EXPECT_EQ(fields.boundary(), "abcd");
}

TEST_F(ContentFieldsTest, Comments) {
  fields.field("content-type", "(plain) text/plain (really); (x) charset=us-ascii (Plain text)");
  EXPECT_EQ(fields.type(), "text/plain");
  EXPECT_EQ(fields.charset(), "us-ascii");
}

// RFC 2231 3, 4 and 4.1.
TEST_F(ContentFieldsTest, ExtendedFileNames) {
  fields.field("content-disposition",
               "attachment; filename*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A");
  EXPECT_EQ(fields.file_name(), "This is ***fun***");
  fields.field("content-disposition",
               "attachment; filename*0*=us-ascii'en'This%20is%20even%20more%20;\n"
               " filename*1*=%2A%2A%2Afun%2A%2A%2A%20;\n filename*2=\"isn't it!\"");
  EXPECT_EQ(fields.file_name(), "This is even more ***fun*** isn't it!");
  fields.field("content-disposition",
               "attachment; filename*1=\"c.exe\"; filename*0*=iso-8859-1''%E4b");
  EXPECT_EQ(fields.file_name(), "äbc.exe");
  fields.field("content-disposition",
               "attachment; filename=\"old.txt\"; filename*=UTF-8''%e2%82%ac.txt");
  EXPECT_EQ(fields.file_name(), "€.txt");
}

TEST_F(ContentFieldsTest, FileNamesAsMailersWriteThem) {
  fields.field("content-type", "application/pdf; name=\"=?utf-8?Q?r=C3=A9sum=C3=A9.pdf?=\"");
  EXPECT_EQ(fields.file_name(), "résumé.pdf");
  fields.field("content-disposition", "attachment; filename=My Holiday.exe");
  EXPECT_EQ(fields.file_name(), "My Holiday.exe");
  fields.field("content-disposition", "attachment; filename=\"C:\\temp\\x.doc\"");
  EXPECT_EQ(fields.file_name(), "C:\\temp\\x.doc");
}

TEST_F(ContentFieldsTest, TransferEncodings) {
  const struct {
    std::string_view value;
    TransferEncoding encoding;
  } cases[] = {{"BASE64", TransferEncoding::kBase64},
               {" quoted-printable ", TransferEncoding::kQuotedPrintable},
               {"Quoted-Printable (comment)", TransferEncoding::kQuotedPrintable},
               {"(comment) base64", TransferEncoding::kBase64},
               {"base64;", TransferEncoding::kBase64},
               {"\"base64\"", TransferEncoding::kBase64},
               {"8bit", TransferEncoding::kIdentity},
               {"", TransferEncoding::kIdentity},
               {"x-uuencode", TransferEncoding::kUnknown}};
  for (const auto& test : cases) {
    fields.field("Content-Transfer-Encoding", test.value);
    EXPECT_EQ(fields.encoding(), test.encoding) << test.value;
  }
}

TEST_F(ContentFieldsTest, LastOfSeveralCounts) {
  fields.field("Content-Type", "text/plain; charset=koi8-r");
  fields.field("Content-Type", "text/html");
  EXPECT_EQ(fields.type(), "text/html");
  EXPECT_EQ(fields.charset(), "");
}

TEST_F(ContentFieldsTest, DamagedValues) {
  for (std::string_view value : {";", "=", "text/plain; =x", "text/plain; charset", "; charset=",
                                 "text/plain; charset=\"", "(", "a/b; name*=", "a/b; name*0*='",
                                 "a/b; name*99999999999=x", "a/b; \"", "a/b; name*='''"}) {
    fields.begin();
    fields.field("Content-Type", value);
    fields.field("Content-Disposition", value);
    EXPECT_EQ(fields.file_name().find('\n'), std::string_view::npos) << value;
  }
  fields.field("Content-Type", "text/plain; charset='utf-8'");
  EXPECT_EQ(fields.charset(), "utf-8");
}

}  // namespace
}  // namespace postern::mime
