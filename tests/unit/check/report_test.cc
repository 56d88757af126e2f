// SPDX-License-Identifier: Apache-2.0
#include "check/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "check/excuses.h"
#include "service_under_test.h"

namespace loopstall::check {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

std::string here(const Finding& finding) {
  return finding.file.empty() ? "" : "service/" + finding.file;
}

Finding finding_of(Rule rule, const std::string& function) {
  Finding finding;
  finding.rule = rule;
  finding.labels.process = "app.main:app";
  finding.function = function;
  finding.file = "app/main.py";
  finding.line = 12;
  finding.entry = "upload";
  finding.cause = stalls::Cause::network;
  finding.value = 0.2;
  finding.limit = 0.05;
  finding.advice = "Use httpx.AsyncClient.";
  return finding;
}

Judgement judgement_of(std::vector<Finding> findings) {
  Judgement judgement;
  judgement.window_ns = 60'000'000'000;
  judgement.turns = 4000;
  judgement.ready_events = 4000;
  judgement.utilization = 0.4;
  judgement.functions = {{{}, "ask", "app/main.py", 0.2, 90'000'000},
                         {{}, "fine", "app/main.py", 0.01, 2'000'000}};
  judgement.findings = std::move(findings);
  return judgement;
}

std::string report(const Judgement& judgement, Format format) {
  return report_of(judgement, {}, format, here);
}

TEST(CheckReport, FormatsHaveNames) {
  EXPECT_EQ(format_of("sarif"), Format::sarif);
  EXPECT_EQ(format_of("text"), Format::text);
  EXPECT_FALSE(format_of("xml"));
}

TEST(CheckReport, TextNamesPlaceRuleAndRemedy) {
  EXPECT_EQ(report(judgement_of({finding_of(Rule::occupancy, "ask")}), Format::text),
            "FAIL: service/app/main.py:12: ask held the event loop for 20.0 % of its time, at most "
            "5.0 % is accepted (network)\n"
            "    in upload\n"
            "    Use httpx.AsyncClient.\n"
            "fail: 4000 turns in 60 s, the event loops 40.0 % busy, 2 functions seen in them\n");
  EXPECT_EQ(report(judgement_of({}), Format::text),
            "pass: 4000 turns in 60 s, the event loops 40.0 % busy, 2 functions seen in them\n");
}

TEST(CheckReport, TextOfAnExcusedOneGivesTheExcuse) {
  Judgement judgement = judgement_of({finding_of(Rule::occupancy, "ask")});
  excuse(judgement, {{"ask", "", "moves with release 12", "2027-01-31"}}, "2026-11-29", {});
  const std::string text = report(judgement, Format::text);
  EXPECT_THAT(text, HasSubstr("allowed: service/app/main.py:12"));
  EXPECT_THAT(text, HasSubstr("moves with release 12, until 2027-01-31"));
  EXPECT_THAT(text, HasSubstr("\npass: "));
}

TEST(CheckReport, JsonIsItsOwnBaseline) {
  Judgement judgement = judgement_of({finding_of(Rule::occupancy, "ask")});
  const std::string json = report(judgement, Format::json);
  EXPECT_EQ(Json::parse(json)["verdict"], "fail");
  EXPECT_EQ(Json::parse(json)["findings"][0]["location"], "service/app/main.py");
  const auto baseline = read_baseline(json);
  ASSERT_TRUE(baseline);
  judgement.findings.push_back(finding_of(Rule::hold, "ask"));
  excuse(judgement, {}, "2026-11-29", *baseline);
  EXPECT_EQ(judgement.findings[0].standing, Standing::known);
  EXPECT_EQ(judgement.findings[1].standing, Standing::fails) << "another rule is another sin";
  EXPECT_FALSE(read_baseline("{}"));
  EXPECT_FALSE(read_baseline("no json"));
}

TEST(CheckReport, AnAllowanceEnds) {
  Judgement judgement = judgement_of({finding_of(Rule::occupancy, "ask")});
  excuse(judgement, {{"ask", "", "soon", "2026-11-28"}}, "2026-11-29", {});
  EXPECT_TRUE(judgement.fails());
  EXPECT_THAT(report(judgement, Format::text), HasSubstr("it was allowed until 2026-11-28 (soon)"));
  excuse(judgement, {{"ask", "app/other.py", "soon", "2027-01-01"}}, "2026-11-29", {});
  EXPECT_TRUE(judgement.fails()) << "it is for another file";
  excuse(judgement, {{"ask", "app/main.py", "soon", "2026-11-29"}}, "2026-11-29", {});
  EXPECT_FALSE(judgement.fails()) << "its last day";
}

TEST(CheckReport, JunitHasACaseForEachFunction) {
  const std::string xml = report(judgement_of({finding_of(Rule::occupancy, "ask")}), Format::junit);
  EXPECT_THAT(xml, HasSubstr("tests=\"3\" failures=\"1\" errors=\"0\" time=\"60.0\""));
  EXPECT_THAT(
      xml,
      HasSubstr("<testcase classname=\"app/main.py\" name=\"ask (loop-occupancy)\"><failure "));
  EXPECT_THAT(xml, HasSubstr("<testcase classname=\"app/main.py\" name=\"fine\"></testcase>"));
}

TEST(CheckReport, HostileNamesStayText) {
  Finding finding = finding_of(Rule::hold, "<a>&\"]]>\x01\xff\xef\xbf\xbf");
  const std::string xml = report(judgement_of({finding}), Format::junit);
  EXPECT_THAT(xml, HasSubstr("&lt;a&gt;&amp;&quot;]]&gt;?\uFFFD?"));
  EXPECT_THAT(xml, Not(HasSubstr("<a>")));
  for (const Format format : {Format::json, Format::sarif}) {
    EXPECT_TRUE(Json::accept(report(judgement_of({finding}), format)));
  }
  finding.function = "\x1b[2J";
  EXPECT_THAT(report(judgement_of({finding}), Format::text), Not(HasSubstr("\x1b")));
}

TEST(CheckReport, SarifPointsIntoTheRepository) {
  const Json sarif =
      Json::parse(report(judgement_of({finding_of(Rule::hold, "ask")}), Format::sarif));
  EXPECT_EQ(sarif["version"], "2.1.0");
  const Json& run = sarif["runs"][0];
  const Json& result = run["results"][0];
  EXPECT_EQ(result["ruleId"], "long-hold");
  EXPECT_EQ(run["tool"]["driver"]["rules"][result["ruleIndex"].get<int>()]["id"], "long-hold");
  EXPECT_EQ(result["level"], "error");
  const Json& place = result["locations"][0]["physicalLocation"];
  EXPECT_EQ(place["artifactLocation"]["uri"], "service/app/main.py");
  EXPECT_EQ(place["region"]["startLine"], 12);
  EXPECT_THAT(result["message"]["text"].get<std::string>(), HasSubstr("Use httpx.AsyncClient."));
}

TEST(CheckReport, SarifSaysOfEachRuleWhatCodeScanningShows) {
  const Json sarif = Json::parse(report(judgement_of({}), Format::sarif));
  const Json& driver = sarif["runs"][0]["tool"]["driver"];
  EXPECT_THAT(driver["semanticVersion"].get<std::string>(), HasSubstr("."));
  EXPECT_EQ(driver["rules"].size(), 3);
  for (const Json& rule : driver["rules"]) {
    for (const char* text : {"shortDescription", "fullDescription", "help"}) {
      EXPECT_GT(rule[text]["text"].get<std::string>().size(), 20) << rule["id"] << " " << text;
    }
  }
}

TEST(CheckReport, SarifOfAKnownOneIsSuppressed) {
  Judgement judgement = judgement_of({finding_of(Rule::hold, "ask")});
  excuse(judgement, {}, "2026-11-29", {id_of(judgement.findings[0])});
  const Json result = Json::parse(report(judgement, Format::sarif))["runs"][0]["results"][0];
  EXPECT_EQ(result["level"], "note");
  EXPECT_EQ(result["suppressions"][0]["kind"], "external");
}

TEST(CheckReport, AnIdleServiceIsUnjudged) {
  Judgement judgement = judgement_of({});
  judgement.ready_events = 0;
  judgement.utilization = 0.001;
  EXPECT_EQ(Json::parse(report(judgement, Format::json))["verdict"], "unjudged");
  EXPECT_THAT(report(judgement, Format::junit), HasSubstr("errors=\"1\""));
}

}  // namespace
}  // namespace loopstall::check
