/* Fills two arenas of glibc, frees half of it, and prints malloc_info. */
#include <stdio.h>

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
static void *work(void *x) { void *p[100]; for (int i=0;i<100;i++) p[i]=malloc(500+i*37); for (int i=0;i<100;i+=2) free(p[i]); return x; }
int main(void) { pthread_t t; pthread_create(&t,0,work,0); pthread_join(t,0); work(0); return malloc_info(0, stdout); }
