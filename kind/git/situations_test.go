package git

// onTopic leaves a commit on topic that conflicts with main, and topic checked
// out. The names of the traps are those of docs/traps.md.
const onTopic = `git checkout -q topic; echo conflict >notes.txt; echo more >more.txt; save conflicting
`

// resolve resolves a conflict in notes.txt.
const resolve = `echo resolved >notes.txt; git add notes.txt
`

// three leaves three commits on topic, of which the second conflicts with main.
const three = `git checkout -q topic; echo 1 >a.txt; save a; echo conflict >notes.txt; save b; echo 3 >c.txt; save c
`

// situations are the states in which a repository may be. git checks out
// "main" with three commits; "topic" branches off the second. Two stashes and
// their reflog are there too.
var situations = []situation{
	// G1: stash has one index and refuses half of these.
	{name: "staged and unstaged hunks of one file",
		bring: `echo zero >tmp; cat notes.txt >>tmp; mv tmp notes.txt; git add notes.txt; echo four >>notes.txt; rm src/app.go; echo x >new; git add new; chmod +x new`,
		ends:  []string{"git commit -q -m half", "git stash push -q -u; git stash pop -q --index"}},
	{name: "intent to add",
		bring: `echo later >later.txt; git add -N later.txt; echo one >new.txt; git add new.txt; echo two >new.txt`,
		ends:  []string{"git commit -q -a -m all"}},
	{name: "assume-unchanged and skip-worktree",
		bring: `git update-index --assume-unchanged notes.txt; git update-index --skip-worktree src/app.go; echo hidden >notes.txt; echo hidden >src/app.go`,
		ends:  []string{"git update-index --no-assume-unchanged notes.txt; git update-index --no-skip-worktree src/app.go; git commit -q -a -m shown", "git commit -q --allow-empty -a -m none"}},

	{name: "merge stopped at a conflict", operation: "merge of",
		bring: `git config rerere.enabled true; ` + onTopic + `stops git merge main; echo half >>notes.txt`,
		ends:  []string{resolve + "git merge --continue", "git merge --abort", "git checkout -q --ours notes.txt; git add .; git commit -q -m ours"}},
	{name: "conflicts with one and two stages", operation: "merge of",
		bring: onTopic + `git mv src/app.go src/here.go; echo mine >both.txt; git rm -q more.txt; save mine
			git checkout -q main; git mv src/app.go src/there.go; echo theirs >both.txt; git rm -q notes.txt; save theirs; stops git merge topic`,
		ends: []string{"git add -A; git commit -q -m merged", "git merge --abort"}},
	{name: "merge not yet committed", operation: "merge of",
		bring: `git checkout -q topic; echo more >more.txt; save more; git merge -q --no-ff --no-commit main`,
		ends:  []string{"git commit -q --no-edit", "git merge --abort"}},
	{name: "squashed merge not yet committed",
		bring: `git checkout -q topic; echo more >more.txt; save more; git checkout -q main; git merge -q --squash topic`,
		ends:  []string{"git commit -q --no-edit"}},

	{name: "rebase stopped at a conflict", operation: "rebase 2/3 onto",
		bring: three + `stops git rebase main`,
		ends:  []string{resolve + "git rebase --continue", "git rebase --abort", "git rebase --skip"}},
	{name: "interactive rebase stopped at edit", operation: "rebase 1/3 onto",
		bring: three + `git -c sequence.editor='sed -i 1s/pick/edit/' rebase -q -i HEAD~3; echo amended >>a.txt; git add a.txt; echo dirt >>c2.txt`,
		ends:  []string{"git commit -q --amend --no-edit; git rebase --continue", "git rebase --abort"}},
	{name: "interactive rebase stopped in exec", operation: "rebase",
		bring: three + `stops git rebase -q -i --exec 'test -e go' HEAD~3`,
		ends:  []string{"touch go; git rebase --continue", "git rebase --abort", "git rebase --edit-todo; git rebase --show-current-patch || true; git rebase --quit"}},
	{name: "rebase that keeps merges, with dirt stashed away", operation: "rebase",
		bring: three + `git checkout -q -b side HEAD~2; echo s >s.txt; save side; git checkout -q topic; git merge -q --no-edit side; echo dirt >>src/app.go
			stops git rebase -q --autostash --rebase-merges main`,
		ends: []string{resolve + "git rebase --continue", "git rebase --abort"}},
	{name: "rebase with the apply backend", operation: "rebase 2/3",
		bring: three + `stops git rebase --apply main`,
		ends:  []string{resolve + "git rebase --continue", "git rebase --abort"}},

	{name: "cherry-pick of a sequence", operation: "cherry-pick of",
		bring: three + `git checkout -q main; stops git cherry-pick topic~3..topic`,
		ends:  []string{resolve + "git cherry-pick --continue", "git cherry-pick --abort", "git cherry-pick --skip", "git cherry-pick --quit"}},
	{name: "cherry-pick between two commits of a sequence", operation: "sequence of commits",
		bring: three + `git checkout -q main; stops git cherry-pick topic~3..topic; ` + resolve + `git commit -q --no-edit`,
		ends:  []string{"git cherry-pick --continue", "git cherry-pick --abort"}},
	{name: "revert of a sequence", operation: "revert of",
		bring: three + `echo again >notes.txt; save again; stops git revert --no-edit HEAD~2 HEAD~3`,
		ends:  []string{resolve + "git revert --continue", "git revert --abort", "git revert --skip"}},
	{name: "am stopped at a conflict", operation: "am 2/3",
		bring: three + `git format-patch -q -o ../patches HEAD~3; git checkout -q main; stops git am --3way ../patches/*`,
		ends:  []string{resolve + "git am --continue", "git am --abort", "git am --skip"}},
	{name: "am that did not apply", operation: "am 1/1",
		bring: three + `git format-patch -q -o ../patches -1 HEAD~1; git checkout -q main; stops git am ../patches/*; stops git apply --reject .git/rebase-apply/patch`,
		ends:  []string{resolve + "git am --continue", "git am --abort"}},
	{name: "bisect", operation: "bisect from main",
		bring: `for i in 1 2 3 4 5 6 7 8; do echo $i >n; save $i; done; git bisect start; git bisect bad; git bisect good HEAD~8`,
		ends: []string{"git bisect good; git bisect bad; git bisect log", "git bisect bad; git bisect reset", "git bisect skip; git bisect log",
			"git bisect run sh -c 'test $(cat n) -lt 6'", "if git bisect next; then git bisect visualize --oneline; fi"}},
	{name: "bisect with terms of its own, dirty", operation: "bisect from main",
		bring: `for i in 1 2 3 4 5 6; do echo $i >n; save $i; done; git bisect start --term-new=slow --term-old=fast; git bisect slow; git bisect fast HEAD~6; echo dirt >>notes.txt`,
		ends:  []string{"git checkout -q notes.txt; git bisect fast; git bisect terms", "git stash -q; git bisect reset; git stash pop -q"}},
	{name: "merge within a bisect", operation: "merge of",
		bring: onTopic + `git checkout -q main; for i in 1 2 3 4; do echo $i >n; save $i; done; git bisect start; git bisect bad; git bisect good HEAD~4; stops git merge topic`,
		ends:  []string{resolve + "git commit -q --no-edit", "git merge --abort; git bisect good"}},

	// G10
	{name: "detached HEAD with commits of its own",
		bring: `git checkout -q --detach; echo x >x; save x; echo y >y; git add y`,
		ends:  []string{"git checkout -q -b found", "git commit -q -m y"}},
	{name: "unborn branch", empty: true,
		bring: `echo x >x; git add x; echo y >>x; mkdir empty`,
		ends:  []string{"git commit -q -m first", "git add .; git commit -q -m first"}},
	{name: "orphan branch",
		bring: `git checkout -q --orphan fresh; git rm -q --cached src/app.go`,
		ends:  []string{"git commit -q -m fresh"}},
	{name: "symbolic refs",
		bring: `git symbolic-ref refs/heads/current refs/heads/main; git symbolic-ref HEAD refs/heads/current; git update-ref refs/remotes/origin/main HEAD; git symbolic-ref refs/remotes/origin/HEAD refs/remotes/origin/main`,
		ends:  []string{"echo x >x; save x", "git remote set-head origin -d || true"}},

	// G2, G17
	{name: "stashes",
		bring: `echo a >notes.txt; echo u >untracked; git stash push -q -u -m "with files"; echo s >notes.txt; git add notes.txt; echo w >>notes.txt; git stash push -q --keep-index -m "kept index"
			git reset -q --hard; echo i >>src/app.go; echo "*.o" >.gitignore; echo o >x.o; git stash push -q -a -m "ignored too"; mkdir -p empty/deep; chmod 700 empty; echo "*.o" >.git/info/exclude; echo built >late.o`,
		ends: []string{"git stash pop -q --index 'stash@{1}'", "git stash drop -q 'stash@{1}'; git stash apply -q 'stash@{3}'", "git stash pop -q", "git stash branch from 'stash@{2}'"}},
	{name: "commits that only the reflog knows",
		bring: `echo lost >lost; save lost; git branch gone; git reset -q --hard HEAD~2; git branch -q -D gone; git config core.logAllRefUpdates always; git update-ref refs/other/x HEAD`,
		ends:  []string{"git reset -q --hard 'HEAD@{1}'", "git branch back 'main@{1}'"}},
	{name: "rerere",
		bring: `git config rerere.enabled true; ` + onTopic + `stops git merge main; ` + resolve + `git commit -q --no-edit; git reset -q --hard HEAD~1`,
		ends:  []string{"git merge main || true; git diff", "git merge main || true; git rerere forget notes.txt; git rerere diff"}},
	{name: "notes, and a merge of notes",
		bring: `git notes add -m one; git notes --ref=review add -m r; git update-ref refs/notes/theirs refs/notes/commits; git notes append -m two; git notes --ref=theirs append -m three; stops git notes merge theirs`,
		ends:  []string{"git notes merge --commit || { echo both >.git/NOTES_MERGE_WORKTREE/$(git rev-parse main); git notes merge --commit; }", "git notes merge --abort"}},
	{name: "hooks and configuration of its own",
		bring: `printf '#!/bin/sh\necho ran >>.git/ran\n' >.git/hooks/pre-commit; chmod 700 .git/hooks/pre-commit; ln -s pre-commit .git/hooks/post-commit
			git config alias.x '!echo'; git config user.signingKey k; git config include.path more; echo "[core]
				editor = none" >.git/more; echo "*.log" >.git/info/exclude; echo "*.txt -text" >.git/info/attributes; touch a.log; chmod 600 .git/config`,
		ends: []string{"git commit -q --allow-empty -m hooked; cat .git/ran", "git x hello"}},

	// G9
	{name: "sparse checkout",
		bring: `mkdir d1 d2; echo 1 >d1/f; echo 2 >d2/f; save dirs; git sparse-checkout set --cone d1; echo dirt >>d1/f; git add d1/f; echo more >>d1/f`,
		ends:  []string{"git sparse-checkout add d2", "git commit -q -m sparse; git sparse-checkout disable"}},
	// git writes the trees that a sparse index has in its cache only now and
	// then, and misses them itself.
	{name: "sparse index",
		bring: `mkdir -p d1 d2/e; echo 1 >d1/f; echo 2 >d2/e/f; save dirs; git sparse-checkout set --cone --sparse-index d1; echo x >d1/x; git add d1/x; git write-tree; echo out >d3`,
		ends:  []string{"git commit -q -m sparse; git sparse-checkout disable", "git sparse-checkout set --no-sparse-index d2"}},
	{name: "sparse checkout by patterns, in conflict", operation: "merge of",
		bring: onTopic + `git checkout -q main; git sparse-checkout set --no-cone '/*' '!src/'; stops git merge topic`,
		ends:  []string{resolve + "git commit -q --no-edit; git sparse-checkout disable", "git merge --abort"}},
	// G7
	{name: "split index",
		bring: `for i in 1 2 3 4 5 6 7 8; do echo $i >f$i; done; save files; git update-index --split-index; echo x >f3; git add f3; git rm -q --cached f5; echo new >f9; git add -N f9`,
		ends:  []string{"git commit -q -a -m split", "git update-index --no-split-index; git commit -q -m joined"}},
	{name: "untracked cache and index version 4",
		bring: `git update-index --index-version 4 --force-untracked-cache; mkdir u; echo u >u/u; git status >/dev/null; git config core.untrackedCache true; git config feature.manyFiles true`,
		ends:  []string{"save all"}},

	// G13
	{name: "linked worktrees", also: []string{"fix", "trees/look"}, operation: "",
		bring: onTopic + `git checkout -q main; git worktree add -q fix topic; git worktree add -q --detach trees/look HEAD~1; git worktree lock --reason demo trees/look
			git config extensions.worktreeConfig true; git -C fix config --worktree core.abbrev 9; echo fix >>.git/info/exclude
			(cd fix; stops git merge main; echo x >untracked); (cd trees/look; echo dirt >>notes.txt; git add notes.txt; git bisect start; git bisect bad; git update-ref refs/worktree/mine HEAD)`,
		ends: []string{"cd fix; " + resolve + "git merge --continue", "cd fix; git merge --abort; cd ..; git worktree unlock trees/look; git -C trees/look stash", "mkdir elsewhere; git worktree move fix elsewhere/fixed; git -C elsewhere/fixed status --porcelain; git worktree move elsewhere/fixed fix"}},
	// G14
	{name: "submodule with commits of its own", also: []string{"libs/one"},
		bring: `git init -q -b main ../one; (cd ../one; echo 1 >f; save 1; echo 2 >f; save 2); git submodule --quiet add ../one libs/one; save module
			(cd libs/one; git checkout -q -b mine HEAD~1; echo mine >f; save mine; echo dirt >>f; git add f; echo x >untracked; echo s >g; git stash push -q -u -m inner; git rebase -q main || true); rm -rf ../one`,
		ends: []string{"cd libs/one; git rebase --abort; cd ../..; git add libs/one; git commit -q -m bump", "git submodule update --force --no-fetch", "git submodule deinit -f libs/one; git submodule update --init --no-fetch"}},
	{name: "submodule with a git directory of its own", also: []string{"libs/old/deep", "libs/old"}, items: 3,
		bring: `git init -q -b main libs/old; (cd libs/old; echo 1 >f; save 1; git init -q -b main deep; (cd deep; echo d >d; save d; echo x >d); echo 2 >f; git add f; echo 3 >f)
			git -c advice.addEmbeddedRepo=false add libs/old; printf '[submodule "libs/old"]\n\tpath = libs/old\n\turl = ./libs/old\n' >.gitmodules; git add .gitmodules; git commit -q -m module; git -C libs/old commit -q -m "only here"`,
		ends: []string{"git add libs/old; git commit -q -m bump", "git submodule absorbgitdirs libs/old; git submodule status", "cd libs/old; git commit -q -a -m 3"}},
	// G3
	{name: "repositories inside", also: []string{"vendor/inner", "vendor/new"}, items: 3,
		bring: `git init -q -b main vendor/inner; (cd vendor/inner; echo 1 >f; save 1; echo 2 >f; save 2; git checkout -q -b side HEAD~1; echo 3 >f; save 3; stops git rebase main)
			git init -q -b main vendor/new; echo x >vendor/new/x; git init -q --bare vendor/bare.git; git push -q vendor/bare.git main:main`,
		ends: []string{"cd vendor/inner; echo r >f; git add f; git rebase --continue", "git -C vendor/new add x; git -C vendor/new commit -q -m x; git fetch -q vendor/bare.git main"}},

	// G4, G15
	{name: "shallow clone", empty: true,
		bring: `rm -rf .git; git init -q -b main ../origin; (cd ../origin; for i in 1 2 3 4 5; do echo $i >f; save $i; done); git clone -q --depth 2 "file://$PWD/../origin" .; echo mine >m; save mine; echo dirt >>f; git stash -q; echo x >>m`,
		ends:  []string{"git fetch -q --unshallow; git log --oneline", "git commit -q -a -m x; git stash pop -q"}},
	{name: "partial clone", empty: true,
		bring: `rm -rf .git; git init -q -b main ../origin; git -C ../origin config uploadpack.allowFilter true; (cd ../origin; for i in 1 2 3 4 5; do echo $i >f; save $i; done)
			git clone -q --filter=blob:none "file://$PWD/../origin" .; git checkout -q -b mine; echo mine >f; git commit -q -a -m mine; echo x >f; git add f; echo y >f`,
		ends: []string{"git commit -q -a -m x; git rev-list --objects --all --missing=print", "git log -p --format=%s"}},
	// G16
	{name: "objects borrowed from another repository", empty: true,
		bring: `rm -rf .git; git init -q -b main ../base; (cd ../base; echo 1 >f; save 1; echo 2 >f; save 2); git clone -q --shared ../base .; git checkout -q -b mine; echo 3 >f; save 3; echo 4 >f; git stash -q; echo 5 >f; git add f`,
		ends:  []string{"git repack -q -a -d; rm .git/objects/info/alternates; git fsck --full", "git commit -q -m 5; git stash pop -q || true"}},
	// G6
	{name: "large files", needs: []string{"git-lfs"},
		bring: `git lfs install --local >/dev/null; git lfs track '*.bin' >/dev/null; head -c 100000 /dev/zero >a.bin; echo b >b.bin; save large; echo edited >b.bin; echo staged >a.bin; git add a.bin; echo unstaged >a.bin; git lfs fsck >/dev/null`,
		ends:  []string{"git lfs fsck; git checkout -q -- b.bin; cat b.bin", "git commit -q -a -m more; git lfs ls-files; git show HEAD:a.bin"}},
	// G12
	{name: "refs in tables, which only a newer git can read", newer: true, empty: true, operation: "rebase 2/3 onto",
		bring: `rm -rf .git; git init -q -b main --ref-format=reftable --template=; for i in 1 2 3; do echo $i >>notes.txt; save $i; git branch b$i; done; git branch topic HEAD~1
			echo s >notes.txt; git stash push -q -m first; ` + three + `stops git rebase main`,
		ends: []string{resolve + "git rebase --continue; git for-each-ref; git log -g --all --oneline", "git rebase --abort; git stash drop -q; git branch back HEAD~1; git for-each-ref"}},
	{name: "refs in tables of a linked worktree, with SHA-256 and layered indexes of packs", newer: true, empty: true, also: []string{"fix"},
		bring: `rm -rf .git; git init -q -b main --ref-format=reftable --object-format=sha256 --template=; for i in 1 2 3; do echo $i >>notes.txt; save $i; git repack -q -d; git multi-pack-index write --incremental; done
			git branch topic HEAD~1; git worktree add -q fix topic; cd fix; git update-ref refs/worktree/mine HEAD; git bisect start; git bisect bad; echo fix >>notes.txt; git stash push -q -m fix; git commit -q --allow-empty -m fix; echo x >>notes.txt; git add notes.txt`,
		ends: []string{"cd fix; git commit -q -m x; git bisect reset; git for-each-ref; git log -g --all --oneline", "git pack-refs; git -C fix stash; git -C fix stash list; git for-each-ref"}},
	{name: "SHA-256", init: []string{"--object-format=sha256"}, operation: "rebase 2/3 onto",
		bring: three + `stops git rebase main`,
		ends:  []string{resolve + "git rebase --continue", "git rebase --abort"}},

	{name: "files of other tools",
		bring: `mkdir -p .git/jj/store .git/branchless .git/undo.d; echo 1 >.git/jj/store/type; printf 'SQLite format 3\0' >.git/branchless/db.sqlite3; echo '{}' >.git/.graphite_cache_persist; : >.git/undo.d/0; mkdir .git/empty; ln -s nowhere .git/dangling; mkdir .jj; echo x >.jj/x
			echo custom >.git/CUSTOM_HEAD; git update-ref refs/branchless/abc HEAD; git update-ref refs/jj/keep/1 HEAD~1; chmod 400 .git/.graphite_cache_persist`,
		ends: []string{"git commit -q --allow-empty -m x; cat .git/jj/store/type"}},
	// G11
	{name: "loose refs over packed ones",
		bring: `git branch x; git branch y/z; git tag -a -m t v1; git pack-refs --all; git branch -f x HEAD~1; git branch -D -q y/z; git branch y; git branch "odd;name"`,
		ends:  []string{"git branch -d y x; git pack-refs --all --prune"}},
	{name: "replaced objects, bitmaps and a graph of commits",
		bring: `git replace HEAD~1 HEAD~2; git repack -q -a -d --write-bitmap-index; git commit-graph write --reachable; git multi-pack-index write; echo x >x; save x; git update-server-info`,
		ends:  []string{"git log --oneline; git --no-replace-objects log --oneline; git gc -q"}},

	// G5, G21, G22
	{name: "files that a checkout would write otherwise",
		bring: `printf 'a\r\nb\nc\r\n' >mixed.txt; echo lower >x.up; echo '* text=auto
*.up filter=up' >.gitattributes; git config core.autocrlf true; git config core.fileMode false; git config filter.up.clean 'tr a-z A-Z'; git config filter.up.smudge 'tr A-Z a-z'
			git -c core.safecrlf=false add . 2>/dev/null; git commit -q -m filtered; printf 'a\nb\r\n' >mixed.txt; chmod 600 notes.txt; chmod 755 src/app.go; chmod 2750 src; mkdir -m 700 private; ln -s /nowhere/at/all dangling; ln notes.txt second-name`,
		ends: []string{"git commit -q -a -m eol 2>/dev/null"}},
}
