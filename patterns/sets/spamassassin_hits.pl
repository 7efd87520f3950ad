#!/usr/bin/perl
# SpamAssassin as the independent judge of a rule set.
#
#   spamassassin_hits.pl RULES_FOLDER [PLUGIN...] < FILE_NAMES
#
# Reads message file names, one a line, and prints one JSON object a line: the file, its score, and
# the rules that it hits (sub-rules apart). Only the rules of RULES_FOLDER are loaded: no network, no
# Bayes, no plugin but the one that runs the checks and those named (HTMLEval). Exits 2 when a rule does not pass lint.
use strict;
use warnings;
use File::Temp qw(tempdir);
use JSON::PP;
use Mail::SpamAssassin;

my $rules = shift @ARGV // die "usage: $0 RULES_FOLDER < FILE_NAMES\n";
my $plugins = join '', map { "loadplugin Mail::SpamAssassin::Plugin::$_\n" } @ARGV;
my $state = tempdir(CLEANUP => 1);

my $judge = Mail::SpamAssassin->new({
  rules_filename      => $rules,
  site_rules_filename => "$state/none",
  userprefs_filename  => "$state/none",
  userstate_dir       => $state,
  local_tests_only    => 1,
  dont_copy_prefs     => 1,
  # Text is matched as UTF-8, as Postern does. The list of top-level domains belongs to
  # SpamAssassin's own rules; without it no link would be recognised.
  pre_config_text => "loadplugin Mail::SpamAssassin::Plugin::Check\n$plugins"
    . "use_bayes 0\nnormalize_charset 1\n"
    . "util_rb_tld com net org edu info biz io me dev app de fr es eu uk us ca ru cn in example test invalid\n"
    . "util_rb_2tld co.uk\n",
});
exit 2 if $judge->lint_rules();

my $json = JSON::PP->new->canonical;
while (my $file = <STDIN>) {
  chomp $file;
  open(my $handle, '<:raw', $file) or die "$file: $!\n";
  my $text = do { local $/; <$handle> };
  close $handle;
  my $message = $judge->parse($text);
  my $status  = $judge->check($message);
  my @hits    = sort grep { length } split /,/, $status->get_names_of_tests_hit();
  my @sub     = sort grep { length } split /,/, $status->get_names_of_subtests_hit();
  print $json->encode({
    file  => $file,
    score => $status->get_score() + 0,
    rules => [map { { name => $_, score => $judge->{conf}->{scores}->{$_} + 0 } } @hits],
    subrules => \@sub,
  }), "\n";
  $status->finish();
  $message->finish();
}
