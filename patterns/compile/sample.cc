#include "patterns/compile/sample.h"

#include <algorithm>

namespace postern::compile {
namespace {

// clang-format off
constexpr const char* kLetters[] = {
    "Meeting on Thursday: agenda and minutes",
    "Hi Martin, thanks for sending the draft over so quickly. I have read it twice and I think "
    "the second part needs a little more work before we can show it to the customer. Could you "
    "add the figures from last quarter, and explain why the number of open tickets went up in "
    "September? Everything else looks fine to me.",
    "I will be out of the office from Monday the 14th until Friday the 18th of October. For "
    "anything urgent please contact Susan at the front desk (ext. 4021) or write to "
    "support@example.com. I'll answer your message when I am back. ",
    "On Tue, Mar 5, 2019 at 10:42 AM, Robert Klein <robert.klein@example.org> wrote: > I don't "
    "see how we can finish this before the end of the month. > The new server has not arrived "
    "yet, and without it there is > no way to test the backup. Do you have any idea what is "
    "keeping them?",
    "Your order #204-5519-88 has been shipped. You can follow your parcel on our web site: "
    "http://www.example.com/track?id=8812345&lang=en . Estimated delivery: Wednesday, 12 June, "
    "between 9:00 and 13:00. If nobody is at home, the driver will leave a card and try again on "
    "the next working day. Total: $149.95 incl. VAT (19%).",
    "Dear all, please find attached the minutes of the last board meeting together with the list "
    "of open points. Two corrections: the budget for travel was approved (not postponed), and "
    "the date of the next meeting is 21 November at 14:30 in room B. Let me know if you find any "
    "other mistakes. Best regards, Elisabeth",
    "The patch below fixes the problem for me. It applies cleanly to version 2.4.18 and I have "
    "been running it for about three weeks now without any trouble. diff -u -r1.12 main.c --- "
    "main.c 2002/08/11 09:17:33 1.12 +++ main.c @@ -118,7 +118,9 @@ if (fd < 0) { "
    "perror(\"open\"); return -1; } ",
    "You are receiving this newsletter because you signed up at our web site or bought something "
    "in our shop. To unsubscribe, click the link below or reply with \"remove\" in the subject. "
    "We respect your privacy and will never sell your address to anyone. \xc2\xa9 2019 Example "
    "Media Ltd., 12 High Street, London W1 2AB, United Kingdom. All rights reserved.",
    "What people tend to forget is that the whole system was designed when memory was expensive "
    "and disks were slow. Nobody would build it that way today; but there are thousands of "
    "installations out there, and every one of them has somebody who depends on it, so we can't "
    "just throw it away and start over. I'd rather take small steps, measure after each of them, "
    "and keep what works.",
    "Hello, I bought one of your printers two weeks ago and cannot get it to work with my "
    "computer. I've installed the software from the CD, and the test page comes out all right, "
    "but as soon as I print from another program nothing happens: no error, no paper, nothing. "
    "What should I try next? My phone number is +44 20 7946 0018. Thank you for your help! Jane",
    "Breaking news: share prices fell sharply in early trading on Friday after the government "
    "said that growth would be slower than expected this year. Oil was down 2.3 percent to "
    "$61.20 a barrel, gold rose slightly, and the euro traded at 1.1042 against the dollar. "
    "Analysts expect the central bank to cut interest rates again before the summer.",
    "Sehr geehrte Damen und Herren, vielen Dank f\xc3\xbcr Ihre Anfrage vom 3. Mai. Gerne senden "
    "wir Ihnen unser Angebot f\xc3\xbcr die Wartung der Anlage; die Preise verstehen sich "
    "zuz\xc3\xbcglich der gesetzlichen Mehrwertsteuer. Bitte beachten Sie, dass die Lieferzeit "
    "zurzeit etwa vier Wochen betr\xc3\xa4gt. Mit freundlichen Gr\xc3\xbc\xc3\x9f""en, Thomas "
    "M\xc3\xbcller",
    "Bonjour, je vous remercie pour votre message et vous confirme notre rendez-vous de mardi "
    "\xc3\xa0 10 heures. Pourriez-vous m'envoyer d'ici l\xc3\xa0 les documents que nous avons "
    "\xc3\xa9voqu\xc3\xa9s au t\xc3\xa9l\xc3\xa9phone ? Bien cordialement, H\xc3\xa9l\xc3\xa8ne",
    "Estimado cliente: le informamos de que su pedido ya est\xc3\xa1 listo y que puede recogerlo "
    "en nuestra tienda de lunes a viernes, de 9 a 18 horas. Si tiene alguna pregunta, no dude en "
    "ponerse en contacto con nosotros. Un saludo.",
    "That's great news \xe2\x80\x93 congratulations! We're all very happy for you. Let's "
    "celebrate when you come over at the weekend; I'll bring a bottle of that red wine you liked "
    "so much. By the way, do you still have my copy of the book about the history of "
    "mathematics? I promised it to my brother.",
    "_______________________________________________ users mailing list users@lists.example.net "
    "http://lists.example.net/mailman/listinfo/users -- \"Simplicity is prerequisite for "
    "reliability.\" ",
    "Reminder: your password will expire in 7 days. Log in to the intranet and choose \"Change "
    "password\" from the menu. Your new password must have at least 12 characters, with upper "
    "and lower case letters and digits. If you have questions, call the help desk. This is an "
    "automatic message, please do not reply.",
    "Agenda 1. Welcome 2. Report of the treasurer 3. New members 4. Any other business. "
    "Attendance: 14 of 22. The chairman opened the meeting at 19:05 and thanked everyone for "
    "coming in spite of the weather.",
    "Would you have time for a short call this afternoon? I'd like to go through the contract "
    "with you once more before we sign it. There are three things that I don't understand: who "
    "pays for the insurance, how long the notice period is, and what happens if one of the "
    "partners leaves the company. It should not take more than half an hour.",
    "Name Qty Price Amount ---- Notebook, blue 10 2.50 25.00 Pencil HB 100 0.30 30.00 Envelopes "
    "C5 500 0.04 20.00 Subtotal 75.00 Shipping 4.90 Total 79.90 Payment within 30 days to "
    "account 0123456789. Thank you for your business.",
};

constexpr const char* kMarkUp[] = {
    "<html><head><meta http-equiv=\"Content-Type\" content=\"text/html; "
    "charset=iso-8859-1\"><title>Newsletter</title><style type=\"text/css\">body { font-family: "
    "Arial, Helvetica, sans-serif; font-size: 12px; color: #333333 } td.big { font-size: 14pt; "
    "}</style></head>",
    "<body bgcolor=\"#ffffff\" text=\"#000000\" link=\"#0000cc\"><table width=\"600\" "
    "border=\"0\" cellspacing=\"0\" cellpadding=\"0\" align=\"center\"><tr><td "
    "width=\"20\">&nbsp;</td><td valign=\"top\"><font face=\"Verdana, Arial\" size=\"2\" "
    "color=\"#666666\"><b>This week's news</b></font><br><br>",
    "<p style=\"margin: 0 0 10px 0\"><a "
    "href=\"http://www.example.com/news/article.html?id=4711&amp;src=mail\" "
    "target=\"_blank\">Read the whole story &raquo;</a></p><img "
    "src=\"http://images.example.com/logo.gif\" width=\"120\" height=\"60\" alt=\"Logo\" "
    "border=\"0\"></td></tr>",
    "<tr><td colspan=\"2\" bgcolor=\"#eeeeee\"><div align=\"center\"><font size=\"1\">You can <a "
    "href=\"http://www.example.com/unsubscribe\">unsubscribe</a> at any time.<br>&copy; 2019 "
    "Example Media</font></div></td></tr></table></body></html>",
};

constexpr const char* kLinks[] = {
    "http://www.example.com/",
    "http://www.example.com/track?id=8812345&lang=en",
    "https://lists.example.net/mailman/listinfo/users",
    "http://images.example.com/logo.gif",
    "http://news.example.org/2019/06/12/index.html",
    "mailto:support@example.com",
    "https://shop.example.co.uk/item.php?cat=12&item=5519#top",
    "http://click.example.com/r/8f3a2b1c9d/7e6f5a4b3c2d1e0f?u=1234567",
    "http://192.0.2.17:8080/app/login",
    "ftp://ftp.example.edu/pub/linux/kernel/v2.4/patch-2.4.18.gz",
    "https://docs.example.com/d/1aBcDeFgHiJkLmNoPqRsTuVwXyZ/edit?usp=sharing",
    "http://www.example.de/produkte/drucker/laser.html",
};

constexpr const char* kValues[] = {
    "Re: [users] backup of the new server",
    "Martin Schmidt <martin.schmidt@example.com>",
    "\"Jane O'Neill\" <jane@mail.example.org>, bob@example.net",
    "<20190305104233.GA12345@mail.example.org>",
    "from mail.example.org (mail.example.org [192.0.2.25]) by mx.example.com (Postfix) with "
    "ESMTP id 4BC2D1F0A for <martin@example.com>; Tue, 5 Mar 2019 10:42:35 +0100 (CET)",
    "Tue, 5 Mar 2019 10:42:33 +0100",
    "multipart/alternative; boundary=\"----=_NextPart_000_0012_01C2A4F3.7B1D0E40\"",
    "text/plain; charset=\"utf-8\"",
    "Microsoft Outlook Express 6.00.2800.1106",
    "Your order #204-5519-88 has been shipped",
    "mail.example.org",
    "support@example.com",
    "Mozilla/5.0 (X11; Linux x86_64; rv:60.0) Gecko/20100101 Thunderbird/60.5.1",
    "users@lists.example.net",
    "bulk",
    "quoted-printable",
};
// clang-format on

template <size_t N>
std::vector<std::string> elements(const char* const (&texts)[N], const char* end = "") {
  std::vector<std::string> out;
  for (const char* text : texts) out.push_back(std::string(text) + end);
  return out;
}

std::vector<std::string> both(std::vector<std::string> one, const std::vector<std::string>& other) {
  one.insert(one.end(), other.begin(), other.end());
  return one;
}

Sample make_sample() {
  using enum language::Target;
  const auto body = elements(kLetters, "\n");
  const auto raw_body = both(body, elements(kMarkUp, "\n"));
  const auto headers = elements(kValues);
  Sample out;
  for (size_t i = 0; i < language::kTargetNames.size(); ++i) {
    out[static_cast<language::Target>(i)] = headers;
  }
  out[kBody] = out[kHidden] = out[kSkeleton] = body;
  out[kRawBody] = raw_body;
  out[kUri] = out[kUriDomain] = elements(kLinks);
  std::string whole;
  for (const std::string& text : both(elements(kValues, "\n"), raw_body)) whole += text;
  out[kFull] = {whole};
  return out;
}

}  // namespace

const Sample& default_sample() {
  static const Sample sample = make_sample();
  return sample;
}

}  // namespace postern::compile
