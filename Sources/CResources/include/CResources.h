#ifndef VIGIL_CRESOURCES_H
#define VIGIL_CRESOURCES_H

#include <stddef.h>

// Files that are compiled into the program. What these return lives as long as the process and is never written.

const unsigned char *vigil_demo_model(void);
ptrdiff_t vigil_demo_model_size(void);

const unsigned char *vigil_openapi(void);
ptrdiff_t vigil_openapi_size(void);

// A file of the web page.
typedef struct {
    const char *name;
    const unsigned char *bytes;
    ptrdiff_t size;
} vigil_page_file;

const vigil_page_file *vigil_page_files(void);
ptrdiff_t vigil_page_file_count(void);

#endif
