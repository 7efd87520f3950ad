#include <fmt/format.h>

#include <algorithm>
#include <expected>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/ip.h"
#include "control/channel/cases.grpc.pb.h"
#include "control/channel/json.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/cli/table.h"
#include "control/cli/verdict_text.h"

namespace postern::cli {
namespace {

using namespace channel::v1;
using Cases = CaseDesk::Stub;
using nlohmann::ordered_json;

struct CustomerOptions : ControlOptions {
  std::string name;  // of a customer; for `show` also an address
  std::string new_name, language, notes, webhook, webhook_secret_file;
  std::vector<std::string> contacts, prefixes, notify;
  std::vector<std::string> drop_contacts, drop_prefixes;
  uint32_t digest_minutes = 60;
  uint64_t messages_per_day = 0;
  uint32_t messages_per_minute = 0;
  bool exempt = false;
  CLI::App* command = nullptr;

  // Not every command has every option.
  bool given(const std::string& name) const {
    const CLI::Option* option = command->get_option_no_throw(name);
    return option != nullptr && option->count() > 0;
  }
};

std::expected<std::string, std::string> first_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  if (!std::getline(in, line) || line.empty())
    return std::unexpected(fmt::format("{} has no first line that can be read", path));
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

// "Anna Example <anna@example.net>", or an address alone.
CustomerContact contact_of(const std::string& text) {
  CustomerContact out;
  const size_t open = text.rfind('<');
  if (open == text.npos || !text.ends_with('>')) {
    out.set_email(text);
    return out;
  }
  std::string name = text.substr(0, open);
  while (name.ends_with(' ')) name.pop_back();
  out.set_name(name);
  out.set_email(text.substr(open + 1, text.size() - open - 2));
  return out;
}

std::string contact_text(const CustomerContact& contact) {
  if (contact.name().empty()) return printable(contact.email(), 254);
  return fmt::format("{} <{}>", printable(contact.name(), 200), printable(contact.email(), 254));
}

std::string channels_text(const Customer& customer) {
  std::string out;
  const auto add = [&](bool on, std::string_view what) {
    if (on) out += fmt::format("{}{}", out.empty() ? "" : ", ", what);
  };
  add(customer.email(), "e-mail");
  add(customer.email() && customer.arf(), "ARF");
  add(customer.xarf(), "XARF");
  if (!customer.webhook_url().empty()) {
    add(true, fmt::format("webhook {}{}", printable(customer.webhook_url(), 200),
                          customer.webhook_signed() ? " (signed)" : ""));
  }
  return out.empty() ? "is not told" : out;
}

std::string limits_text(const Customer& customer) {
  if (customer.exempt()) return "exempt from the policy";
  std::string out = customer.messages_per_day() == 0
                        ? "nothing is known of its volume"
                        : fmt::format("{} messages a day", customer.messages_per_day());
  if (customer.messages_per_minute() != 0)
    out += fmt::format(", throttled to {} a minute", customer.messages_per_minute());
  return out;
}

int show(const Customer& customer, bool json) {
  if (json) {
    print(channel::to_json(customer));
    return kOk;
  }
  Table table(
      {"customer", fmt::format("{} (number {})", printable(customer.name(), 500), customer.id())});
  for (const CustomerContact& contact : customer.contacts())
    table.add({"contact", contact_text(contact)});
  for (const std::string& prefix : customer.prefixes()) table.add({"addresses", prefix});
  table.add({"is told by", channels_text(customer)});
  if (customer.digest_minutes() != 0)
    table.add({"digest", fmt::format("{} minutes", customer.digest_minutes())});
  table.add({"limits", limits_text(customer)});
  if (!customer.notes().empty()) table.add({"notes", printable(customer.notes(), 500)});
  fmt::print("{}", table.to_string());
  return kOk;
}

// Lists are given whole or changed by --add and --drop; what an option does not name stays.
std::expected<PutCustomerRequest, int> with_options(const CustomerOptions& options,
                                                    Customer customer) {
  PutCustomerRequest request;
  if (options.given("--rename")) customer.set_name(options.new_name);
  if (options.given("--language")) customer.set_language(options.language);
  if (options.given("--notes")) customer.set_notes(options.notes);
  for (const std::string& text : options.drop_contacts) {
    auto& contacts = *customer.mutable_contacts();
    const auto there =
        std::ranges::find(contacts, contact_of(text).email(), &CustomerContact::email);
    if (there == contacts.end())
      return std::unexpected(complain(fmt::format("{} is no contact of it", text), kUsage));
    contacts.erase(there);
  }
  for (const std::string& text : options.contacts) *customer.add_contacts() = contact_of(text);
  for (const std::string& text : options.drop_prefixes) {
    auto& prefixes = *customer.mutable_prefixes();
    const auto there = std::ranges::find(prefixes, text);
    if (there == prefixes.end())
      return std::unexpected(complain(fmt::format("{} is not one of its prefixes", text), kUsage));
    prefixes.erase(there);
  }
  for (const std::string& text : options.prefixes) customer.add_prefixes(text);
  if (options.given("--notify")) {
    const auto wanted = [&](const char* what) {
      return std::ranges::find(options.notify, what) != options.notify.end();
    };
    customer.set_email(wanted("email"));
    customer.set_arf(wanted("arf"));
    customer.set_xarf(wanted("xarf"));
  }
  if (options.given("--webhook")) customer.set_webhook_url(options.webhook);
  request.set_keep_webhook_secret(!options.given("--webhook-secret-file"));
  if (options.given("--webhook-secret-file")) {
    const auto secret = first_line(options.webhook_secret_file);
    if (!secret) return std::unexpected(complain(secret.error(), kUsage));
    customer.set_webhook_secret(*secret);
  }
  if (options.given("--digest")) customer.set_digest_minutes(options.digest_minutes);
  if (options.given("--messages-per-day")) customer.set_messages_per_day(options.messages_per_day);
  if (options.given("--rate")) customer.set_messages_per_minute(options.messages_per_minute);
  if (options.given("--exempt")) customer.set_exempt(options.exempt);
  *request.mutable_customer() = std::move(customer);
  request.set_author(user_name());
  return request;
}

int put(const CustomerOptions& options, Customer customer) {
  const auto request = with_options(options, std::move(customer));
  if (!request) return request.error();
  Customer reply;
  if (const int code = ControlConnection(options.socket).ask(&Cases::PutCustomer, *request, &reply);
      code != kOk)
    return code;
  return show(reply, options.json);
}

int add_customer(const CustomerOptions& options) {
  Customer customer;
  customer.set_name(options.name);
  customer.set_email(true);
  customer.set_arf(true);
  customer.set_digest_minutes(options.digest_minutes);
  return put(options, std::move(customer));
}

int find(const CustomerOptions& options, bool or_address, Customer* found) {
  ShowCustomerRequest request;
  if (or_address && IpAddress::parse(options.name)) {
    request.set_address(options.name);
  } else {
    request.set_name(options.name);
  }
  return ControlConnection(options.socket).ask(&Cases::ShowCustomer, request, found);
}

int change_customer(const CustomerOptions& options) {
  Customer customer;
  if (const int code = find(options, false, &customer); code != kOk) return code;
  return put(options, std::move(customer));
}

int show_customer(const CustomerOptions& options) {
  Customer customer;
  if (const int code = find(options, true, &customer); code != kOk) return code;
  return show(customer, options.json);
}

int remove_customer(const CustomerOptions& options) {
  Customer customer;
  if (const int code = find(options, false, &customer); code != kOk) return code;
  RemoveCustomerRequest request;
  request.set_id(customer.id());
  request.set_author(user_name());
  RemoveCustomerReply reply;
  if (const int code =
          ControlConnection(options.socket).ask(&Cases::RemoveCustomer, request, &reply);
      code != kOk)
    return code;
  if (!options.json) fmt::print("{} is removed; its cases stay\n", printable(customer.name(), 500));
  return kOk;
}

int list_customers(const CustomerOptions& options) {
  ListCustomersReply reply;
  if (const int code = ControlConnection(options.socket)
                           .ask(&Cases::ListCustomers, ListCustomersRequest(), &reply);
      code != kOk)
    return code;
  if (options.json) {
    ordered_json rows = ordered_json::array();
    for (const Customer& customer : reply.customers()) rows.push_back(channel::to_json(customer));
    print({{"customers", rows}});
    return reply.customers_size() > 0 ? kOk : kNegative;
  }
  if (reply.customers_size() == 0) {
    return complain("there are no customers: `postern customer add NAME --prefix … --contact …`",
                    kNegative);
  }
  Table table({"CUSTOMER", "ADDRESSES", "CONTACTS", "IS TOLD BY"});
  for (const Customer& customer : reply.customers()) {
    const auto first_of = [](int count, const std::string& first) {
      if (count == 0) return std::string("-");
      return count == 1 ? first : fmt::format("{} +{}", first, count - 1);
    };
    table.add({printable(customer.name()),
               first_of(customer.prefixes_size(),
                        customer.prefixes_size() > 0 ? customer.prefixes(0) : ""),
               first_of(customer.contacts_size(),
                        customer.contacts_size() > 0 ? contact_text(customer.contacts(0)) : ""),
               channels_text(customer)});
  }
  fmt::print("{}", table.to_string());
  return kOk;
}

}  // namespace

void add_customer_command(CLI::App& app, int* exit_code) {
  CLI::App* customer = app.add_subcommand(
      "customer", "Whose addresses the senders are: add, change, show, list, remove");
  customer->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, int (*run)(const CustomerOptions&)) {
    auto options = std::make_shared<CustomerOptions>();
    CLI::App* command = customer->add_subcommand(name, help);
    options->command = command;
    options->add_to(*command);
    command->callback([options, run, exit_code] { *exit_code = run(*options); });
    return std::pair(command, options.get());
  };
  const auto add_name = [](CLI::App* command, CustomerOptions* options, const char* help) {
    command->add_option("name", options->name, help)->type_name("NAME")->required();
  };
  const auto add_properties = [](CLI::App* command, CustomerOptions* options) {
    command
        ->add_option("--prefix,--add-prefix", options->prefixes,
                     "An address or prefix of theirs; as often as needed")
        ->type_name("ADDRESS|PREFIX")
        ->check(kPrefix);
    command
        ->add_option("--contact,--add-contact", options->contacts,
                     "Who is told: \"Anna Example <anna@example.net>\"; as often as needed")
        ->type_name("CONTACT");
    command
        ->add_option("--notify", options->notify,
                     "How, instead of e-mail with ARF: email, arf, xarf; none")
        ->type_name("WAY")
        ->delimiter(',')
        ->check(CLI::IsMember({"email", "arf", "xarf", "none"}));
    command->add_option("--webhook", options->webhook, "Address to which notices are posted")
        ->type_name("URL");
    command
        ->add_option("--webhook-secret-file", options->webhook_secret_file,
                     "File whose first line signs what is posted")
        ->type_name("FILE");
    command
        ->add_option("--digest", options->digest_minutes,
                     "At most one notice about a case in so many minutes; 0: every one")
        ->type_name("MINUTES")
        ->check(CLI::Range(0, 10'080));
    command
        ->add_option("--messages-per-day", options->messages_per_day,
                     "What they are known to send; 0: nothing is known")
        ->type_name("N");
    command
        ->add_option("--rate", options->messages_per_minute,
                     "What they are throttled to, when the policy throttles; 0: the policy's rate")
        ->type_name("N");
    command->add_option("--exempt", options->exempt, "The policy observes, and does nothing")
        ->type_name("true|false");
    command->add_option("--language", options->language, "Of notices: en")->type_name("TAG");
    command->add_option("--notes", options->notes, "For the abuse desk")->type_name("TEXT");
  };

  const auto [add_one, add_options] = add("add", "Add a customer", add_customer);
  add_name(add_one, add_options, "What they are called");
  add_properties(add_one, add_options);
  const auto [change, change_options] =
      add("change", "Change a customer; what is not named stays", change_customer);
  add_name(change, change_options, "Which customer");
  change->add_option("--rename", change_options->new_name, "What they are called from now on")
      ->type_name("NAME");
  add_properties(change, change_options);
  change->add_option("--drop-prefix", change_options->drop_prefixes, "One that is theirs no more")
      ->type_name("ADDRESS|PREFIX");
  change->add_option("--drop-contact", change_options->drop_contacts, "One who is told no more")
      ->type_name("CONTACT");
  const auto [show_one, show_options] = add("show", "All about one customer", show_customer);
  add_name(show_one, show_options, "Which customer, or one of their addresses");
  add("list", "All customers", list_customers);
  const auto [remove, remove_options] = add("remove", "Remove a customer", remove_customer);
  add_name(remove, remove_options, "Which customer");
}

}  // namespace postern::cli
