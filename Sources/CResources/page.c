#include "CResources.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char index_html[] = {
#embed "page/index.html"
};
static const unsigned char docs_html[] = {
#embed "page/docs.html"
};
static const unsigned char page_css[] = {
#embed "page/page.css"
};
static const unsigned char icon_svg[] = {
#embed "page/icon.svg"
};
static const unsigned char theme_js[] = {
#embed "page/theme.js"
};
static const unsigned char app_js[] = {
#embed "page/app.js"
};
static const unsigned char again_js[] = {
#embed "page/again.js"
};
static const unsigned char api_js[] = {
#embed "page/api.js"
};
static const unsigned char dom_js[] = {
#embed "page/dom.js"
};
static const unsigned char docs_js[] = {
#embed "page/docs.js"
};
static const unsigned char dress_js[] = {
#embed "page/dress.js"
};
static const unsigned char downloads_js[] = {
#embed "page/downloads.js"
};
static const unsigned char heat_js[] = {
#embed "page/heat.js"
};
static const unsigned char job_js[] = {
#embed "page/job.js"
};
static const unsigned char lists_js[] = {
#embed "page/lists.js"
};
static const unsigned char pyramid_js[] = {
#embed "page/pyramid.js"
};
static const unsigned char report_js[] = {
#embed "page/report.js"
};
static const unsigned char review_js[] = {
#embed "page/review.js"
};
static const unsigned char scores_js[] = {
#embed "page/scores.js"
};
static const unsigned char server_js[] = {
#embed "page/server.js"
};
static const unsigned char shots_js[] = {
#embed "page/shots.js"
};
static const unsigned char timeline_js[] = {
#embed "page/timeline.js"
};
static const unsigned char upload_js[] = {
#embed "page/upload.js"
};
static const unsigned char video_js[] = {
#embed "page/video.js"
};
static const unsigned char yaml_js[] = {
#embed "page/yaml.js"
};
// Features for who has none.
static const unsigned char sample_npy[] = {
#embed "../../deploy/demo/sample.npy"
};

#define FILE_OF_PAGE(name, bytes) {name, bytes, sizeof bytes}

static const vigil_page_file files[] = {
    FILE_OF_PAGE("index.html", index_html),
    FILE_OF_PAGE("docs.html", docs_html),
    FILE_OF_PAGE("page.css", page_css),
    FILE_OF_PAGE("icon.svg", icon_svg),
    FILE_OF_PAGE("theme.js", theme_js),
    FILE_OF_PAGE("app.js", app_js),
    FILE_OF_PAGE("again.js", again_js),
    FILE_OF_PAGE("api.js", api_js),
    FILE_OF_PAGE("dom.js", dom_js),
    FILE_OF_PAGE("docs.js", docs_js),
    FILE_OF_PAGE("dress.js", dress_js),
    FILE_OF_PAGE("downloads.js", downloads_js),
    FILE_OF_PAGE("heat.js", heat_js),
    FILE_OF_PAGE("job.js", job_js),
    FILE_OF_PAGE("lists.js", lists_js),
    FILE_OF_PAGE("pyramid.js", pyramid_js),
    FILE_OF_PAGE("report.js", report_js),
    FILE_OF_PAGE("review.js", review_js),
    FILE_OF_PAGE("scores.js", scores_js),
    FILE_OF_PAGE("server.js", server_js),
    FILE_OF_PAGE("shots.js", shots_js),
    FILE_OF_PAGE("timeline.js", timeline_js),
    FILE_OF_PAGE("upload.js", upload_js),
    FILE_OF_PAGE("video.js", video_js),
    FILE_OF_PAGE("yaml.js", yaml_js),
    FILE_OF_PAGE("sample.npy", sample_npy),
};

const vigil_page_file *vigil_page_files(void) { return files; }
ptrdiff_t vigil_page_file_count(void) { return sizeof files / sizeof files[0]; }
