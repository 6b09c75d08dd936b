#include <stdio.h>
int main(void) { fputs("parkview: nothing here yet\n", stderr); return 2; }
