#!/bin/bash
# Stands in for every command of AWS, Docker and the machine that a script calls, under the name it is called by. What
# it was called with goes to /state/calls. /state/fails/NAME holds words: a call of NAME with them in it fails, or,
# where /state/times/NAME holds a number, that many of them do.
name=${0##*/}
# One write a call: the two ends of a pipe run at the same time.
call="$name $*"
echo "${call//$'\n'/ }" >>/state/calls

if [ -e "/state/fails/$name" ] && [[ " $* " == *"$(cat "/state/fails/$name")"* ]]; then
  left=$(cat "/state/times/$name" 2>/dev/null || echo 1)
  if [ "$left" -gt 0 ]; then
    [ ! -e "/state/times/$name" ] || echo $((left - 1)) >"/state/times/$name"
    echo "$name fails, as it was told to" >&2
    exit 1
  fi
fi

case "$name $*" in
  'aws secretsmanager get-secret-value'*) cat "/state/secrets/${4//[^a-zA-Z0-9]/_}" && echo ;;
  'aws ecr get-login-password'*) echo a-token-of-ecr ;;
  'aws ssm get-parameter'*) cat /state/certificate ;;
  'aws ssm put-parameter'*) cp "${7#file://}" /state/certificate ;;
  'aws ec2 attach-volume'*) mkdir -p /dev/disk/by-id && : >"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${4/-/}" ;;
  'docker login'*) cat >/state/login ;;
  'docker inspect'*) [ -e /state/running ] && cat /state/running ;;
  'docker rm'*) rm -f /state/running ;;
  'docker run'*' enroll '*) cat >/state/enrolled-with ;;
  'docker run'*--detach*)
    for word in "$@"; do case $word in *@sha256:*) echo "true $word" >/state/running ;; esac; done ;;
  # What systemd does before it starts the server.
  'systemctl enable --now compliance.service'*) compliance-secrets ;;
  'curl '*api/token*) echo a-token-of-imds ;;
  'curl '*meta-data/instance-id*) echo i-0123456789abcdef0 ;;
  'blkid '*) cat /state/filesystem 2>/dev/null || exit 2 ;;
  'mkfs.xfs '*) echo xfs >/state/filesystem ;;
  'journalctl '*) printf 'Error: the database\nis not there\n' ;;
esac
