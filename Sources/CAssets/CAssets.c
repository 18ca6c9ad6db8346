// The files of schemas/ and of the status site, embedded with C23's #embed: kept as files that their own editors and
// tools can read, and shipped inside the one program. A new file needs its two lines here.
#include "CAssets.h"

#define EMBEDDED(name) {name##_path, name##_bytes, sizeof name##_bytes}

static const char v001_path[] = "schemas/migrations/V001_create_jobs.sql";
static const unsigned char v001_bytes[] = {
#embed "../../schemas/migrations/V001_create_jobs.sql"
};

static const char v002_path[] = "schemas/migrations/V002_dispatch.sql";
static const unsigned char v002_bytes[] = {
#embed "../../schemas/migrations/V002_dispatch.sql"
};

static const char v003_path[] = "schemas/migrations/V003_schedules.sql";
static const unsigned char v003_bytes[] = {
#embed "../../schemas/migrations/V003_schedules.sql"
};

static const char v004_path[] = "schemas/migrations/V004_operations.sql";
static const unsigned char v004_bytes[] = {
#embed "../../schemas/migrations/V004_operations.sql"
};

static const char v005_path[] = "schemas/migrations/V005_bells_and_months.sql";
static const unsigned char v005_bytes[] = {
#embed "../../schemas/migrations/V005_bells_and_months.sql"
};

static const char v006_path[] = "schemas/migrations/V006_turns.sql";
static const unsigned char v006_bytes[] = {
#embed "../../schemas/migrations/V006_turns.sql"
};

static const char web_layout_html_path[] = "Sources/StatusAPI/Web/layout.html";
static const unsigned char web_layout_html_bytes[] = {
#embed "../StatusAPI/Web/layout.html"
};

static const char web_jobs_html_path[] = "Sources/StatusAPI/Web/jobs.html";
static const unsigned char web_jobs_html_bytes[] = {
#embed "../StatusAPI/Web/jobs.html"
};

static const char web_job_html_path[] = "Sources/StatusAPI/Web/job.html";
static const unsigned char web_job_html_bytes[] = {
#embed "../StatusAPI/Web/job.html"
};

static const char web_dead_html_path[] = "Sources/StatusAPI/Web/dead.html";
static const unsigned char web_dead_html_bytes[] = {
#embed "../StatusAPI/Web/dead.html"
};

static const char web_dead_group_html_path[] = "Sources/StatusAPI/Web/dead-group.html";
static const unsigned char web_dead_group_html_bytes[] = {
#embed "../StatusAPI/Web/dead-group.html"
};

static const char web_dead_confirm_html_path[] = "Sources/StatusAPI/Web/dead-confirm.html";
static const unsigned char web_dead_confirm_html_bytes[] = {
#embed "../StatusAPI/Web/dead-confirm.html"
};

static const char web_pauses_html_path[] = "Sources/StatusAPI/Web/pauses.html";
static const unsigned char web_pauses_html_bytes[] = {
#embed "../StatusAPI/Web/pauses.html"
};

static const char web_audit_html_path[] = "Sources/StatusAPI/Web/audit.html";
static const unsigned char web_audit_html_bytes[] = {
#embed "../StatusAPI/Web/audit.html"
};

static const char web_schedules_html_path[] = "Sources/StatusAPI/Web/schedules.html";
static const unsigned char web_schedules_html_bytes[] = {
#embed "../StatusAPI/Web/schedules.html"
};

static const char web_schedule_html_path[] = "Sources/StatusAPI/Web/schedule.html";
static const unsigned char web_schedule_html_bytes[] = {
#embed "../StatusAPI/Web/schedule.html"
};

static const char web_schedule_backfill_html_path[] = "Sources/StatusAPI/Web/schedule-backfill.html";
static const unsigned char web_schedule_backfill_html_bytes[] = {
#embed "../StatusAPI/Web/schedule-backfill.html"
};

static const char web_error_html_path[] = "Sources/StatusAPI/Web/error.html";
static const unsigned char web_error_html_bytes[] = {
#embed "../StatusAPI/Web/error.html"
};

static const char web_status_css_path[] = "Sources/StatusAPI/Web/status.css";
static const unsigned char web_status_css_bytes[] = {
#embed "../StatusAPI/Web/status.css"
};

static const char web_status_js_path[] = "Sources/StatusAPI/Web/status.js";
static const unsigned char web_status_js_bytes[] = {
#embed "../StatusAPI/Web/status.js"
};

static const char web_icon_svg_path[] = "Sources/StatusAPI/Web/icon.svg";
static const unsigned char web_icon_svg_bytes[] = {
#embed "../StatusAPI/Web/icon.svg"
};

static const asset assets[] = {
    EMBEDDED(v001),
    EMBEDDED(v002),
    EMBEDDED(v003),
    EMBEDDED(v004),
    EMBEDDED(v005),
    EMBEDDED(v006),
    EMBEDDED(web_layout_html),
    EMBEDDED(web_jobs_html),
    EMBEDDED(web_job_html),
    EMBEDDED(web_dead_html),
    EMBEDDED(web_dead_group_html),
    EMBEDDED(web_dead_confirm_html),
    EMBEDDED(web_pauses_html),
    EMBEDDED(web_audit_html),
    EMBEDDED(web_schedules_html),
    EMBEDDED(web_schedule_html),
    EMBEDDED(web_schedule_backfill_html),
    EMBEDDED(web_error_html),
    EMBEDDED(web_status_css),
    EMBEDDED(web_status_js),
    EMBEDDED(web_icon_svg),
};

const asset *assets_first(void) {
    return assets;
}

size_t assets_count(void) {
    return sizeof assets / sizeof assets[0];
}
