#!/usr/bin/perl
# Which rules of a folder SpamAssassin hits, sub-rules included.
#
#   spamassassin_rules.pl RULES_FOLDER PLUGIN,… < FILE_NAMES
#
# Prints one JSON object a line: first the metas with the rules that each names; then, for each file name that
# it reads, one a line, the file, its score, rules and sub-rules. No network, no Bayes, no user's settings, and of the plugins only those that are named
# (without "Mail::SpamAssassin::Plugin::").
use strict;
use warnings;
use File::Temp qw(tempdir);
use JSON::PP;
use Mail::SpamAssassin;

my ($rules, $plugins) = @ARGV;
die "usage: $0 RULES_FOLDER PLUGIN,... < FILE_NAMES\n" unless defined $plugins;
my $state = tempdir(CLEANUP => 1);

my $judge = Mail::SpamAssassin->new({
  rules_filename      => $rules,
  site_rules_filename => "$state/none",
  userprefs_filename  => "$state/none",
  userstate_dir       => $state,
  local_tests_only    => 1,
  dont_copy_prefs     => 1,
  pre_config_text => join('', map { "loadplugin Mail::SpamAssassin::Plugin::$_\n" } split /,/, $plugins)
    . "use_bayes 0\n",
  # Text is matched as UTF-8, as Postern does.
  post_config_text => "normalize_charset 1\n",
});
$judge->init(1);

my $json = JSON::PP->new->canonical;
$| = 1;
print $json->encode({metas => $judge->{conf}->{meta_dependencies}}), "\n";
while (my $file = <STDIN>) {
  chomp $file;
  open(my $handle, '<:raw', $file) or die "$file: $!\n";
  my $text = do { local $/; <$handle> };
  close $handle;
  my $message = $judge->parse($text);
  my $status  = $judge->check($message);
  my %hits    = map { $_ => 1 } grep { length } split /,/,
    $status->get_names_of_tests_hit() . ',' . $status->get_names_of_subtests_hit();
  print $json->encode({
    file  => $file,
    score => $status->get_score() + 0,
    rules => [sort keys %hits],
  }), "\n";
  $status->finish();
  $message->finish();
}
