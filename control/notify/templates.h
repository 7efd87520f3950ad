// The texts of letters: built in, in English, or an operator's own files.
//
// A file is called WHAT.LANGUAGE.txt ("opened.de.txt"): a line "Subject: …", an empty line, the
// body.
// {{name}} stands for what the table kPlaceholders says. A paragraph in which a placeholder is
// empty is left out whole. What is filled in is never looked at again, so no text of others is
// taken for a placeholder.
#pragma once

#include <array>
#include <expected>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace postern::notify {

struct Placeholder {
  std::string_view name;
  std::string_view help;
};

inline constexpr std::array<Placeholder, 19> kPlaceholders{{
    {"case", "the case's reference: 7F3A00KX1M"},
    {"subject", "whom it is about: \"bob on 192.0.2.7\""},
    {"server", "the address or prefix: 192.0.2.7"},
    {"customer", "the customer's name; empty: nobody's address"},
    {"contact", "the name of who reads it"},
    {"cause", "one sentence: what opened the case"},
    {"since", "when the first spam was seen, or the case was opened"},
    {"opened", "when the case was opened"},
    {"state", "open, restoring, probation, closed"},
    {"happened", "what happened since the last letter, a line for each"},
    {"messages", "one sentence: how many messages, to how many recipients"},
    {"rules", "the rules that were hit most, a line for each; empty: none is known"},
    {"sample", "one message of it: sender, subject, time; empty: none is kept"},
    {"diagnosis", "what probably is the matter, with the lines that show it; empty: not known"},
    {"blocked", "what is restricted now, and by which switch, a line for each"},
    {"advice", "what to do, a line for each"},
    {"url", "the address of the case's page; empty: there is none"},
    {"organisation", "who sends this: notify.organisation"},
    {"reply_to", "whom to ask: notify.contact"},
}};

using Values = std::map<std::string, std::string, std::less<>>;

struct Template {
  std::string language = "en";
  std::string subject = {};
  std::string body = {};
};

struct FilledTemplate {
  std::string subject = {};
  std::string body = {};
};

// The file's text. The error names the line and what may stand there.
std::expected<Template, std::string> read_template(std::string_view text);
FilledTemplate fill(const Template& from, const Values& values);

class Templates {
 public:
  // The built-in ones alone.
  Templates();
  // With those of a folder before them. The error has a line for each mistake, with its file.
  static std::expected<Templates, std::string> open(const std::filesystem::path& directory);

  // For a language "de-AT": opened.de-AT.txt, opened.de.txt, opened.en.txt, the built-in one.
  const Template& find(std::string_view what, std::string_view language) const;

 private:
  std::map<std::string, Template, std::less<>> by_name_;  // "opened.de"; "opened": built in
};

}  // namespace postern::notify
